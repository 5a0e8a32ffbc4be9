// Runs the benches one after another, each in a process of its own, and prints one page; `virnucpro bench` is this.
//   bun bench/all.ts [--quick] [--json FILE] [--only micro,pipeline,…] [--triton grpc://HOST:8001[,…]]
// --json FILE gets the list of all documents, which bench/compare.ts reads too. Exits with 1 when a bench has failed, or
// one of GPUs has missed its goal.
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { withFolder } from '../scripts/support/temporary.ts'
import { writeAtomically } from '../src/system/atomic.ts'
import { availableCores } from '../src/system/cores.ts'
import { parseDocuments } from './changes.ts'
import { benchPython, NO_PYTHON } from './python.ts'
import { type BenchDocument, benchOptions, fail, renderTable } from './result.ts'

interface Program {
  readonly group: string
  readonly file: string
  readonly args?: readonly string[]
  /** Why it cannot run here. */
  readonly missing?: string
}

const options = benchOptions('bun bench/all.ts', { only: { type: 'string' }, triton: { type: 'string' } })
const MICRO = ['fasta', 'translate', 'tokenize', 'batch', 'protobuf', 'torchfile', 'numbers', 'tables']
const GROUPS = ['micro', 'pipeline', 'baseline', 'scaling', 'utilization']
const wanted = options.only?.split(',') ?? [
  ...GROUPS.slice(0, 3),
  ...(options.triton === undefined ? [] : GROUPS.slice(3)),
]
const unknown = wanted.find((group) => !GROUPS.includes(group))
if (unknown !== undefined) fail(`--only: "${unknown}" is none of ${GROUPS.join(', ')}`)

const server = options.triton
// The servers that wait come from scripts/test-triton.sh; without them the simulation stands alone.
const waiting = existsSync(
  process.env.VIRNUCPRO_TEST_TRITON ?? resolve(import.meta.dir, '../.cache/triton/tritonserver'),
)
// Quick runs show that everything works; what they measure is no speed.
const goals = options.quick ? [] : ['--check']
const programs: Program[] = [
  ...MICRO.map((name) => ({ group: 'micro', file: `micro/${name}.ts` })),
  { group: 'pipeline', file: 'pipeline/main.ts' },
  {
    group: 'baseline',
    file: 'baseline/main.ts',
    ...(benchPython() === undefined && { missing: NO_PYTHON }),
  },
  { group: 'scaling', file: 'scaling/main.ts', args: [...goals, ...(waiting ? [] : ['--simulate-only'])] },
  {
    group: 'utilization',
    file: 'utilization/main.ts',
    ...(server === undefined
      ? { missing: 'it needs --triton grpc://HOST:PORT' }
      : { args: ['--triton', server, ...(options.quick ? ['--least', '0'] : [])] }),
  },
]

const chosen = programs.filter(({ group }) => wanted.includes(group))
if (chosen.every(({ missing }) => missing !== undefined)) {
  for (const { file, missing } of chosen) console.error(`error: ${file} cannot run: ${missing}`)
  process.exit(2)
}

// Before an hour of work, and before anything is overwritten that is no result of a bench.
if (options.json !== undefined && existsSync(options.json)) {
  try {
    parseDocuments(await Bun.file(options.json).text(), options.json)
  } catch (error) {
    fail(`${(error as Error).message}; it is not overwritten: name another file with --json`)
  }
}

const documents: BenchDocument[] = []
const failed: string[] = []
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${availableCores()} cores\n`,
)
await withFolder(async (folder) => {
  for (const program of chosen) await run(program, folder)
})
if (options.json !== undefined) await writeAtomically(options.json, `${JSON.stringify(documents, null, 2)}\n`)
for (const line of failed) console.error(`failed: ${line}`)
process.exitCode = failed.length > 0 ? 1 : 0

async function run({ file, args = [], missing }: Program, folder: string): Promise<void> {
  if (missing !== undefined) {
    console.log(`${file}: left out, ${missing}\n`)
    return
  }
  const json = join(folder, 'result.json')
  await Bun.file(json)
    .delete()
    .catch(() => {})
  const flags = ['--json', json, ...(options.quick ? ['--quick'] : []), ...args]
  const child = Bun.spawn([process.execPath, join(import.meta.dir, file), ...flags], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (existsSync(json)) {
    const [document] = parseDocuments(await Bun.file(json).text(), file)
    documents.push(document!)
    console.log(renderTable(document!))
  }
  if (code !== 0) failed.push(`${file}, exit code ${code}\n${said}`)
}
