import type { FailedModel } from './errors.ts'

/** Lines of an error that are enough to see what happened. */
const TAIL = 12

/** Messages that every server without a GPU or its tools writes, whatever else is wrong. */
const NOISE = /Failed to initialize NVML|DCGM unable to start|CudaDriverHelper has not been initialized/

/** `I1122 07:14:39.253703 14753 model_lifecycle.cc:839] "text"`, written with glog's head. */
const LINE = /^(?<level>[IWEF])\d{4} [\d:.]+ \d+ \S+\] "?(?<text>.*?)"?$/

/** Problems that are not written as log lines: of the start, and of the command line, before a page of usage. */
const PROBLEM = /^error: |^\S+: (unrecognized|invalid|option) |requires an argument$|Invalid option value/

/** What a line of the log says about a model. */
export interface LoadEvent {
  readonly kind: 'loading' | 'loaded' | 'failed'
  readonly model: string
}

/** Reads a server's log as it is written: keeps what explains a failure and follows how loading goes on. */
export class ServerLog {
  readonly #problems: string[] = []
  readonly #tail: string[] = []
  readonly #pending = new Set<string>()
  readonly #unreadable = new Map<string, string>()
  #listens = false
  #parserError = ''
  #rest = ''

  /** Takes the next piece of text and calls `onLine` for each line that is complete. */
  add(text: string, onLine: (line: string, event: LoadEvent | undefined) => void): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) onLine(line, this.#take(line))
  }

  /** Whether it has said that it takes requests: after its models have been loaded, and its ports are its own. */
  get listens(): boolean {
    return this.#listens
  }

  /** Models that have begun to load and are not ready yet. */
  get pending(): string[] {
    return [...this.#pending]
  }

  /**
   * Models whose configuration could not be read, with the reason. The server counts itself ready without them, and its
   * index of models has no reason: only its log does.
   */
  get unreadable(): FailedModel[] {
    return [...this.#unreadable].map(([name, reason]) => ({ name, version: '', reason }))
  }

  /** The lines that explain why a server ended: its errors, or its last words when there is none. */
  explanation(): string[] {
    const problems = this.#problems.slice(-TAIL)
    return problems.length > 0 ? problems : this.#tail.slice(-TAIL)
  }

  #take(line: string): LoadEvent | undefined {
    if (NOISE.test(line) || line.trim() === '') return undefined
    const found = LINE.exec(line)?.groups
    const text = found?.text ?? line
    // Tables repeat what has been said.
    if (!/^[|+]/.test(line)) keep(this.#tail, text)
    if (/^[EF]$/.test(found?.level ?? '') || PROBLEM.test(line)) keep(this.#problems, text)
    this.#noteUnreadable(text)
    if (/^Started HTTPService at /.test(text)) this.#listens = true
    const event = eventOf(text)
    if (event?.kind === 'loading') this.#pending.add(event.model)
    else if (event !== undefined) this.#pending.delete(event.model)
    return event
  }

  /** The parser says what is wrong in the line before the one that says with which model. */
  #noteUnreadable(text: string): void {
    const parserError = /^\[libprotobuf ERROR [^\]]*\] (.*)$/.exec(text)?.[1]
    if (parserError !== undefined) this.#parserError = `: ${parserError}`
    const found = /^Poll failed for model directory '(.+?)': (.*)$/.exec(text)
    if (found === null) return
    const [, model = '', reason = ''] = found
    this.#unreadable.set(model, reason + this.#parserError)
    this.#parserError = ''
  }
}

const EVENTS = {
  loading: /^loading: (.+):\d+$/,
  loaded: /^successfully loaded '(.+?)'/,
  failed: /^failed to load '(.+?)'/,
} as const

function eventOf(text: string): LoadEvent | undefined {
  for (const kind of ['loading', 'loaded', 'failed'] as const) {
    const model = EVENTS[kind].exec(text)?.[1]
    if (model !== undefined) return { kind, model }
  }
  return undefined
}

function keep(lines: string[], line: string): void {
  lines.push(line)
  if (lines.length > 4 * TAIL) lines.splice(0, lines.length - TAIL)
}
