import { writeSync } from 'node:fs'

export interface TerminalOptions {
  colours: boolean
}

/** As standard error is. */
type TerminalStream = NodeJS.WriteStream & { fd: number }

/** The lines of a live display for the room there is. */
export type Picture = (room: { columns: number; rows: number; colours: boolean }) => string[]

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
/** Terminals that know these two show what is between them at once; others ignore them. */
const TOGETHER = ['\x1b[?2026h', '\x1b[?2026l'] as const
const ERASE_TO_END_OF_LINE = '\x1b[K'
const ERASE_BELOW = '\x1b[J'

/**
 * A terminal with messages above and a live display below them, the two never torn.
 *
 * Between two writes the cursor stands at the first cell of the display. Whatever a resize makes of the lines, everything
 * from there on is the display, so that nothing has to be counted to take it away again. (The packages for this erase as
 * many lines as they wrote; a terminal that has become narrower has wrapped them to more, and keeps the rest.)
 */
export class LiveTerminal {
  readonly #stream: TerminalStream
  readonly #colours: boolean
  #picture: Picture | undefined

  constructor(stream: TerminalStream, { colours }: TerminalOptions) {
    this.#stream = stream
    this.#colours = colours
  }

  /** Whether a stream is one that a display can be drawn on. */
  static suits(stream: TerminalStream): boolean {
    return stream.isTTY === true && process.env.TERM !== 'dumb'
  }

  /** Writes whole lines, each with its line end. */
  write(text: string): void {
    if (this.#picture === undefined) this.#stream.write(text)
    else this.#together(`\r${ERASE_BELOW}${text}${this.#drawn()}`)
  }

  /** Begins a display; `refresh` redraws it. */
  show(picture: Picture): void {
    if (this.#picture === undefined) {
      process.on('exit', this.#restore)
      this.#stream.on('resize', this.#resized)
      this.#stream.write(HIDE_CURSOR)
    }
    this.#picture = picture
    this.refresh()
  }

  refresh(): void {
    if (this.#picture !== undefined) this.#together(this.#drawn())
  }

  /** Removes the display and shows the cursor again. */
  hide(): void {
    if (this.#picture === undefined) return
    this.#picture = undefined
    process.off('exit', this.#restore)
    this.#stream.off('resize', this.#resized)
    this.#stream.write(`\r${ERASE_BELOW}${SHOW_CURSOR}`)
  }

  /** The display, with the cursor back at its first cell. */
  #drawn(): string {
    const { columns = 80, rows = 24 } = this.#stream
    const lines = this.#picture?.({ columns, rows: rows - 1, colours: this.#colours }) ?? []
    const up = lines.length > 1 ? `\x1b[${lines.length - 1}A` : ''
    return `\r${lines.map((line) => line + ERASE_TO_END_OF_LINE).join('\r\n')}${ERASE_BELOW}${up}\r`
  }

  #together(text: string): void {
    this.#stream.write(TOGETHER[0] + text + TOGETHER[1])
  }

  readonly #resized = (): void => this.refresh()

  /** When the process ends in the middle of it all; the stream writes no more by then. */
  readonly #restore = (): void => {
    try {
      writeSync(this.#stream.fd, `\r${ERASE_BELOW}${SHOW_CURSOR}`)
    } catch {
      // The terminal is gone.
    }
  }
}
