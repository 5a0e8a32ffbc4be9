import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { python } from '../../support/python.ts'
import type { SeedFile } from '../mutations.ts'
import { PythonReference } from '../python.ts'

/** A few bytes of a file can ask for gigabytes: Python shall say MemoryError before the machine does. */
const LIMIT = 'import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n'
const PRINT = '\nfor seed in seeds():\n    print(bytes(seed).hex())\n'

const textOf = (program: string) => readFileSync(join(import.meta.dir, program), 'utf8')

/** What other people's code says of the same bytes: `answer(bytes) -> bytes` of a program beside this file. */
export function referenceOf(program: string): (question: Uint8Array) => Promise<string> {
  const reference = new PythonReference(LIMIT + textOf(program))
  return async (question) => (await reference.ask(question)).toString('utf8')
}

/** Files to begin with, which other people's code has written: what `seeds()` of the program gives. */
export function seedsOf(program: string): SeedFile[] {
  const { stdout, success } = Bun.spawnSync([python, '-c', textOf(program) + PRINT], { stderr: 'inherit' })
  if (!success) throw new Error(`${program} gives no files to begin with`)
  const lines = stdout.toString().trimEnd().split('\n')
  return lines.map((line, i) => ({
    name: `${program} ${i}`,
    bytes: new Uint8Array(Buffer.from(line, 'hex')),
  }))
}
