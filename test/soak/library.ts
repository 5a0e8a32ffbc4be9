import { join } from 'node:path'
import type { Stage } from './stage.ts'
import { textOf } from './text.ts'

export interface LibraryReport {
  readonly iterations: number
  readonly retried: number
  readonly compared: number
  readonly differences: readonly string[]
  readonly heapKilobytes: number
  readonly objects: number
}

/** The process of library-process.ts. */
export class LibraryProcess {
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  readonly #lines: AsyncIterator<string>
  #messages = ''

  constructor(stage: Stage) {
    const { bundle, steady } = stage.places
    const program = join(import.meta.dir, 'library-process.ts')
    this.#child = Bun.spawn([process.execPath, program, stage.at(), bundle, steady], {
      env: { PATH: process.env.PATH ?? '', HOME: stage.at(), ...stage.env },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.#lines = linesOf(this.#child.stdout)
    void this.#keep()
  }

  get pid(): number {
    return this.#child.pid
  }

  abort(): void {
    this.#tell('abort')
  }

  /** Lets it finish what it is at; it then stands still until `go`. */
  async rest(): Promise<LibraryReport> {
    this.#tell('rest')
    const { value, done } = await this.#lines.next()
    if (done)
      throw new Error(`the library process has ended with ${await this.#child.exited}:\n${this.#messages}`)
    return JSON.parse(value)
  }

  go(): void {
    this.#tell('go')
  }

  async end(): Promise<number> {
    this.#tell('end')
    this.go()
    return await this.#child.exited
  }

  #tell(word: string): void {
    this.#child.stdin.write(`${word}\n`)
    this.#child.stdin.flush()
  }

  async #keep(): Promise<void> {
    for await (const text of textOf(this.#child.stderr))
      this.#messages = (this.#messages + text).slice(-10_000)
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const text of textOf(stream)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
