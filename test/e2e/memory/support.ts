import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { repository } from '../../support/cli.ts'

const MAIN = resolve(repository, 'src/cli/main.ts')
const PEAK = join(import.meta.dir, 'peak.ts')

export interface Measured {
  readonly code: number
  readonly stderr: string
  /** Most memory that the command has had at once, in MB. */
  readonly peak: number
  readonly seconds: number
}

/** What a command gets at its standard input, piece by piece. */
export type Content = Iterable<Uint8Array | string>

/** Runs the real command line with a home of its own in `folder`, and measures it. */
export async function measure(
  folder: string,
  words: readonly string[],
  content: Content = [],
): Promise<Measured> {
  const begun = performance.now()
  const peakFile = join(folder, '.peak')
  rmSync(peakFile, { force: true })
  const child = Bun.spawn([process.execPath, '--preload', PEAK, MAIN, ...words], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      VIRNUCPRO_HOME: join(folder, 'home'),
      NO_COLOR: '1',
      PEAK_FILE: peakFile,
    },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const stderr = new Response(child.stderr).text()
  await feed(child.stdin, content)
  const code = await child.exited
  // What the system counts for a child that has ended begins with the memory of its parent.
  const peak = Math.round(Number(readFileSync(peakFile, 'latin1')) / 1024)
  return { code, stderr: await stderr, peak, seconds: (performance.now() - begun) / 1000 }
}

/** A command that has seen enough closes the pipe. */
async function feed(pipe: Bun.FileSink, content: Content): Promise<void> {
  try {
    for (const piece of content) {
      pipe.write(piece)
      await pipe.flush()
    }
    await pipe.end()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

/** The same text again and again, up to so many bytes. */
export function* repeated(text: string, bytes: number): Generator<Uint8Array> {
  const block = Buffer.from(text.repeat(Math.ceil(2 ** 18 / text.length)))
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, left)
}

/** Records by number, some thousand at a time. */
export function* records(count: number, of: (number: number) => string): Generator<string> {
  for (let from = 0; from < count; from += 4096)
    yield Array.from({ length: Math.min(4096, count - from) }, (_, i) => of(from + i)).join('')
}

/** Letters whose six frames all have a stop codon, however few: nothing is to be computed. */
export const SILENT = 'TAACTAACTAACTAACTAAC'
