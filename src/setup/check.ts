import { join } from 'node:path'
import * as v from 'valibot'
import { modelOf, precisionFacts } from '../bundle/index.ts'
import { readablePlaces, writablePlace } from '../home/index.ts'
import { gpuKinds } from '../machine/index.ts'
import { type Deployment, findDeployment } from '../server/deploy/index.ts'
import { readRecord } from '../server/repository/index.ts'
import { freePorts, type RunningServer, serverShares, startServer } from '../server/serve/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { parseJson } from '../system/json.ts'
import { readText } from '../system/read-within.ts'
import { sha256 } from '../system/sha256.ts'
import { verify } from '../verify/index.ts'
import { SetupError } from './errors.ts'
import type { Situation } from './situation.ts'

/** Sequences for each model, of all lengths: enough to see that a plan computes what its graph says. */
const SEQUENCES = 12

/** Largest difference to 1 of the cosine of a row: as of `verify`, and what products of eight bits may cost. */
const TOLERANCE = 0.0005
const TOLERANCE_EIGHT_BITS = 0.01

const ReportSchema = v.looseObject({ format: v.literal('virnucpro-check'), version: v.literal(1) })

/** Whether the current server and plans were compared with the graphs before. */
export async function isChecked(situation: Situation): Promise<boolean> {
  const ready = await deploymentOf(situation)
  if (ready === undefined) return false
  const name = await reportName(ready, situation)
  for (const cache of readablePlaces('cache')) {
    const text = await readText(join(cache, 'checks', name)).catch(() => '')
    if (text !== '' && v.is(ReportSchema, parseJson(text))) return true
  }
  return false
}

/**
 * Starts the server, compares its embeddings with those of the bundle's graphs, and stops it.
 *
 * @throws SetupError when they differ; those of `startServer` and `verify`
 */
export async function check(situation: Situation): Promise<void> {
  const { base, options } = situation
  const { logger, signal } = options
  const ready = await deploymentOf(situation)
  if (ready === undefined || base === undefined) throw new SetupError('there is nothing to check')
  await using server = await startDeployed(ready, situation)
  const endpoints = server.endpoints.map(({ grpcUrl }) => grpcUrl)
  const { models, calls } = await verify({
    bundle: base.folder,
    triton: { endpoints, access: {}, serverTimeout: 600 },
    count: SEQUENCES,
    logger,
    signal,
  })
  const eightBits = precisionFacts(ready.precision).eightBits
  for (const { model, cosineMin, notFinite } of models) {
    logger.info(`${model}: cosine to the ${base.manifest.precision} graph at least ${cosineMin.toFixed(6)}`)
    const tolerance = eightBits && modelOf(model) === model ? TOLERANCE_EIGHT_BITS : TOLERANCE
    if (notFinite === 0 && 1 - cosineMin <= tolerance) continue
    throw new SetupError(
      `the server computes ${model} otherwise than the graph of ${base.folder}: ` +
        (notFinite > 0
          ? `NaN or infinity in ${notFinite} embeddings`
          : `a cosine of ${cosineMin.toFixed(6)}`),
      { kind: 'failure' },
    )
  }
  if (calls !== undefined) logger.info(`${calls.equal} of ${calls.all} calls agree`)
  const path = join(await writablePlace('cache'), 'checks', await reportName(ready, situation))
  const report = { format: 'virnucpro-check', version: 1, checked: new Date().toISOString(), models, calls }
  await writeAtomically(path, `${JSON.stringify(report, null, 2)}\n`)
}

/** A server with the repository of a deployment, on the GPUs that are set up. */
export async function startDeployed(
  { runtime, repository }: Deployment,
  { gpus, options: { gpus: named, logger, signal } }: Situation,
): Promise<RunningServer> {
  const shares = await serverShares(named === undefined ? undefined : gpus.map(({ uuid }) => uuid))
  return await startServer({
    ...runtime.launch,
    repository,
    gpus: shares,
    ports: await freePorts(shares?.length),
    endsAtOnce: true,
    logger,
    signal,
  })
}

export async function deploymentOf({
  base,
  deployment,
  gpus,
  options,
}: Situation): Promise<Deployment | undefined> {
  if (base === undefined || deployment === undefined) return undefined
  const found = await findDeployment({ ...deployment.request, gpus, signal: options.signal })
  return 'ready' in found ? found.ready : undefined
}

/** Name of the report of a check: one for each combination of plans, kinds of GPU and server. */
async function reportName({ repository, runtime }: Deployment, { gpus }: Situation): Promise<string> {
  const record = await readRecord(repository)
  const files = (record?.files ?? []).map(({ sha256: digest }) => digest)
  const kinds = gpuKinds(gpus).map(({ name }) => name)
  return `${sha256([...files, ...kinds.sort(), runtime.label].join('\n')).slice(0, 16)}.json`
}
