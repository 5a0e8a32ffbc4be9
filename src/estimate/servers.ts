import { type Bundle, forModels, MODEL_NAMES, type ModelName, PRECISION_NAMES } from '../bundle/index.ts'
import {
  contractsOf,
  type ServerFacts,
  suitableServers,
  type TritonAccess,
  TritonBackend,
} from '../dispatch/index.ts'
import { OwnServers } from '../server/serve/index.ts'
import type { Logger } from '../system/logger.ts'
import { orClose } from '../system/or-close.ts'
import { modelsKey, type Speed } from './speeds.ts'
import { remembered, type Way, type WayOptions } from './ways.ts'

export interface ServerOptions extends WayOptions {
  /** Addresses that the user has named; else those of this user's servers. */
  readonly endpoints: readonly string[]
  readonly access: TritonAccess
  readonly trustServer?: boolean
  readonly logger: Logger
}

/** Servers of this machine answer at once, and the others have this long. */
const ANSWER_SECONDS = 5

/**
 * Servers that run, as a way to compute.
 *
 * @param started ways that would start a server: what is known of their GPUs is known of a server of this user's with the same
 *   models
 * @returns undefined where there is none with the models of the bundle
 * @throws UsageError NoServerError for servers that were named and cannot be used
 */
export async function serverWay(
  speeds: readonly Speed[],
  started: readonly Way[],
  options: ServerOptions,
): Promise<Way | undefined> {
  const { bundle, access, logger, signal, tokenBudgets, trustServer = false } = options
  const isNamed = options.endpoints.length > 0
  const endpoints = isNamed ? options.endpoints : await ownServers(bundle, signal)
  if (endpoints.length === 0) return undefined
  const backend = await TritonBackend.open({
    endpoints,
    access,
    models: contractsOf(bundle),
    serverTimeout: ANSWER_SECONDS,
    trustServer,
    logger,
    signal,
  })
  return await orClose({ close: () => backend[Symbol.asyncDispose]() }, async () => {
    const facts = await backend.serverFacts()
    const key = { models: servedKey(facts), device: serverNames(facts) }
    const same = isNamed ? undefined : started.find(({ devices }) => devices[0]?.key.models === key.models)
    const own = remembered(speeds, key)
    const way: Way = {
      kind: 'server',
      precision: precisionOf(facts) ?? bundle.manifest.precision,
      fused: false,
      devices:
        own === undefined && same !== undefined
          ? same.devices
          : [{ name: key.device, count: 1, key, speed: own }],
      packings: forModels((model) => ({
        tokenBudget: tokenBudgets?.[model] ?? backend.tokenBudget(model),
        maxSequences: backend.maxSequences(model),
        tapers: backend.tapers,
      })),
      recheck: same?.recheck,
      weightBytes: 0,
      servers: facts.map(({ address }) => address),
    }
    await backend[Symbol.asyncDispose]()
    return way
  })
}

async function ownServers(bundle: Bundle, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const started = new OwnServers().list().map(({ grpcUrl }) => grpcUrl)
  return (await suitableServers(contractsOf(bundle), started, signal)).urls
}

/** What speeds of servers are remembered under. */
export function serverNames(facts: readonly ServerFacts[]): string {
  return facts
    .map(({ address }) => address)
    .sort()
    .join(', ')
}

/** Identity of what servers compute. */
export function servedKey(facts: readonly ServerFacts[]): string {
  const digest = (model: ModelName) => facts.find(({ models }) => models[model])?.models[model]?.digest ?? ''
  return modelsKey(forModels(digest))
}

function precisionOf(facts: readonly ServerFacts[]) {
  const served = facts.flatMap(({ models }) => MODEL_NAMES.flatMap((model) => models[model]?.precision ?? []))
  return PRECISION_NAMES.find((name) => served[0] === name)
}
