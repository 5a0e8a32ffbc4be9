import { hasPython, python } from '../support/python.ts'

const LOOP = `
import struct, sys
source, sink = sys.stdin.buffer, sys.stdout.buffer
while head := source.read(4):
    result = answer(source.read(struct.unpack("<I", head)[0]))
    sink.write(struct.pack("<I", len(result)) + result)
    sink.flush()
`

/** A Python program that answers bytes with bytes, one process for all questions of a target. */
export class PythonReference {
  readonly #program: string
  #child: Bun.Subprocess<'pipe', 'pipe', 'pipe'> | undefined
  #chunks: AsyncIterator<Uint8Array> | undefined
  #lastWords: Promise<string> | undefined
  #rest = Buffer.alloc(0)

  /** @param program - defines `answer(data: bytes) -> bytes` */
  constructor(program: string) {
    this.#program = program
  }

  /** One question at a time. The process starts with the first. */
  async ask(question: Uint8Array): Promise<Buffer> {
    this.#child ??= this.#start()
    const { stdin } = this.#child
    const head = Buffer.alloc(4)
    head.writeUInt32LE(question.length)
    try {
      stdin.write(head)
      stdin.write(question)
      await stdin.flush()
    } catch {
      await this.#ended()
    }
    const length = (await this.#take(4)).readUInt32LE(0)
    return await this.#take(length)
  }

  #start(): Bun.Subprocess<'pipe', 'pipe', 'pipe'> {
    if (!hasPython) throw new Error('there is no Python to compare with: run scripts/test-python.sh')
    const child = Bun.spawn([python, '-c', this.#program + LOOP], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.#lastWords = new Response(child.stderr).text()
    this.#chunks = child.stdout[Symbol.asyncIterator]()
    return child
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) {
      const read = await this.#chunks?.next()
      if (read === undefined || read.done) return await this.#ended()
      this.#rest = this.#rest.length === 0 ? Buffer.from(read.value) : Buffer.concat([this.#rest, read.value])
    }
    const taken = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(count)
    return taken
  }

  async #ended(): Promise<never> {
    throw new Error(`the Python that is compared with has ended:\n${await this.#lastWords}`)
  }
}
