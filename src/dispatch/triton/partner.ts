import { type TritonClient, TritonError } from '#tritonclient-ts'
import {
  factsOfStatement,
  type ModelName,
  modelOf,
  PARTNER_NAMES,
  type PartnerName,
  type RecheckFacts,
} from '../../bundle/index.ts'
import type { Logger } from '../../system/logger.ts'
import { accessError, describe } from './access.ts'
import { Agreement, type Contract, OtherModelError, type PartnerContracts } from './contract.ts'
import { ModelLane } from './lane.ts'

/** The partner of a quantized model, on the servers that host it. */
export interface HostedPartner {
  readonly name: PartnerName
  /** One at least. */
  readonly lanes: readonly ModelLane[]
  readonly facts: RecheckFacts
}

interface PartnerOptions {
  readonly partners?: PartnerContracts | undefined
  readonly trustServer?: boolean
  /** Seconds until a server that hosts a partner must have said so. */
  readonly serverTimeout: number
  readonly isTrusted?: ((url: string) => boolean) | undefined
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/** Between two rounds of questions. */
const PAUSE_MS = 200

/**
 * The partner that servers host beside a quantized model. Servers that host none are good for everything else.
 *
 * @param models the lanes of the models, which have been asked what they host
 * @throws AccessError
 */
export async function findPartner(
  clients: readonly TritonClient[],
  models: Readonly<Record<ModelName, readonly ModelLane[]>>,
  options: PartnerOptions,
): Promise<HostedPartner | undefined> {
  const { partners = {}, logger } = options
  for (const name of PARTNER_NAMES) {
    const contract = partners[name]
    if (contract === undefined) continue
    const lanes = await hosting(lanesOf(name, contract, clients, options), options)
    const facts = factsOf(name, lanes, models[modelOf(name)])
    if (facts !== undefined) return { name, lanes, facts }
    for (const lane of lanes)
      logger.warn(
        `${lane.name} does not say whose partner it is, or is that of another model: it is not used`,
      )
  }
  return undefined
}

function lanesOf(
  name: PartnerName,
  contract: Contract,
  clients: readonly TritonClient[],
  { trustServer = false, logger, isTrusted }: PartnerOptions,
): ModelLane[] {
  const agreement = new Agreement(contract, trustServer)
  return clients.map((client) => new ModelLane(client, name, { agreement, logger, isTrusted }))
}

/** Asks each server until one has answered, or all have said that they host none. A silent one beside it may come later. */
async function hosting(
  lanes: readonly ModelLane[],
  { serverTimeout, logger, signal }: PartnerOptions,
): Promise<ModelLane[]> {
  const end = performance.now() + serverTimeout * 1000
  let left = [...lanes]
  for (;;) {
    const answers = await Promise.all(left.map((lane) => ask(lane, logger, signal)))
    signal?.throwIfAborted()
    left = left.filter((_, i) => answers[i] !== 'none')
    const isKnown = left.some(({ known }) => known !== undefined)
    if (isKnown || left.length === 0) return left
    if (performance.now() >= end) return []
    await Bun.sleep(PAUSE_MS)
  }
}

/** @throws AccessError */
async function ask(
  lane: ModelLane,
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<'hosted' | 'none' | 'silent'> {
  try {
    await lane.check(signal)
    return 'hosted'
  } catch (error) {
    const refused = accessError(error)
    if (refused !== undefined) throw refused
    if (error instanceof OtherModelError) {
      logger.warn(`not used: ${describe(error)}`)
      return 'none'
    }
    return error instanceof TritonError && error.reason === 'not-found' ? 'none' : 'silent'
  }
}

/** What the first server states that hosts it beside the model that it is the partner of. */
function factsOf(
  name: PartnerName,
  lanes: readonly ModelLane[],
  models: readonly ModelLane[],
): RecheckFacts | undefined {
  const quantized = models.find(({ known }) => known?.served !== undefined)?.known?.served
  for (const { known } of lanes) {
    const facts = factsOfStatement(name, known?.served, known?.recheck)
    if (facts !== undefined && facts.digests.quantized === quantized?.digest) return facts
  }
  return undefined
}
