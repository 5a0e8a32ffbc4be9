import type { Logger } from '../system/logger.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import { bytes, estimate, percent } from '../text/numbers.ts'

const DRAW_MS = 250
/** In a log. */
const LINE_MS = 30_000

/** Shows how much of a download has come: on a terminal in place, elsewhere a line from time to time. */
export class Meter {
  readonly #logger: Logger
  readonly #terminal: LiveTerminal | undefined
  readonly #began = performance.now()
  /** What earlier calls had brought is no speed of this one. */
  #before: number | undefined
  #shown = performance.now()

  constructor(logger: Logger, terminal: LiveTerminal | undefined) {
    this.#logger = logger
    this.#terminal = terminal
  }

  update(done: number, total: number): void {
    this.#before ??= done
    const now = performance.now()
    if (now - this.#shown < (this.#terminal === undefined ? LINE_MS : DRAW_MS)) return
    this.#shown = now
    const speed = (done - this.#before) / ((now - this.#began) / 1000)
    const left = speed > 0 ? `, ${bytes(speed)}/s, ${estimate((total - done) / speed)} left` : ''
    const line = `${bytes(done)} of ${bytes(total)} (${percent(done, total)})${left}`
    if (this.#terminal === undefined) this.#logger.info(line)
    else this.#terminal.show(({ columns }) => [line.slice(0, (columns || 80) - 1)])
  }
}
