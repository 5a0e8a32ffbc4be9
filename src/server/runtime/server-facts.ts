import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { freePorts, type ServeOptions, startServer } from '../serve/index.ts'
import { MODULES, PythonFactsSchema } from './python-facts.ts'

const ServerFactsSchema = v.object({ ...PythonFactsSchema.entries, backends: v.array(v.string()) })

/** Versions and modules of a server's own Python, and the backends beside its Python backend. */
export interface ServerFacts extends v.InferOutput<typeof ServerFactsSchema> {
  /** Whether its Python models return whole tensors: with numpy 2, some servers return empty ones. */
  readonly answers: boolean
}

/** A server without a GPU and with one small model is ready in a second or two. */
const START_SECONDS = 120
const MODEL = 'virnucpro_probe'
const NUMBERS = [3, 1, 4]

/**
 * Starts a server with a model that reports these facts, and stops it, within some seconds. The facts cannot be found out from
 * outside, since programs that start a server set the paths of its Python.
 *
 * @throws ServerError and its like when the server does not run, or has no Python backend with numpy
 */
export async function serverFacts(
  server: Pick<ServeOptions, 'serverBin' | 'backendDirectory' | 'libraryPath'>,
  signal?: AbortSignal,
): Promise<ServerFacts> {
  const folder = await mkdtemp(join(tmpdir(), 'virnucpro-probe-'))
  try {
    const report = join(folder, 'report.json')
    const repository = join(folder, 'models')
    await writeProbe(repository, report)
    await using running = await startServer({
      ...server,
      repository,
      ports: await freePorts(),
      // No GPU: opening eight of them is slow, and nothing is computed.
      gpus: ['-1'],
      startupTimeout: START_SECONDS,
      endsAtOnce: true,
      signal,
    })
    const answers = await echoes(running.endpoints[0]?.httpUrl ?? '')
    return { ...v.parse(ServerFactsSchema, parseJson(await readText(report))), answers }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeProbe(repository: string, report: string): Promise<void> {
  const version = join(repository, MODEL, '1')
  await mkdir(version, { recursive: true })
  const script = (name: string) => resolve(import.meta.dir, 'python', name)
  await copyFile(script('probe_model.py'), join(version, 'model.py'))
  await copyFile(script('python_facts.py'), join(version, 'python_facts.py'))
  const parameter = (key: string, value: string) =>
    `{ key: "${key}" value: { string_value: ${JSON.stringify(value)} } }`
  await writeFile(
    join(repository, MODEL, 'config.pbtxt'),
    `name: "${MODEL}"
backend: "python"
max_batch_size: 0
input [ { name: "x" data_type: TYPE_INT32 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_INT32 dims: [ -1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters [ ${parameter('report', report)}, ${parameter('modules', MODULES)} ]
`,
  )
}

/** Whether the model answers with what it was sent. */
async function echoes(httpUrl: string): Promise<boolean> {
  const input = { name: 'x', datatype: 'INT32', shape: [NUMBERS.length], data: NUMBERS }
  const response = await fetch(`${httpUrl}/v2/models/${MODEL}/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs: [input] }),
    signal: AbortSignal.timeout(30_000),
  })
  const answer = v.safeParse(
    v.object({ outputs: v.tuple([v.object({ data: v.array(v.number()) })]) }),
    await response.json().catch(() => undefined),
  )
  return answer.success && Bun.deepEquals(answer.output.outputs[0].data, NUMBERS)
}
