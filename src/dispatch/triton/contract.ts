import { DataType, type ModelConfig, ModelInstanceGroup_Kind } from '#tritonclient-ts'
import {
  type Bundle,
  forModels,
  GRAPH_TENSORS,
  hostedModel,
  type ModelName,
  modelDigest,
  type PartnerName,
  pairOf,
  parseStatement,
  precisionsWhere,
  type RecheckStatement,
  servedVersion,
  sourceDigest,
} from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import type { ServedModel } from '../backend.ts'

/** What a server's model must be for its embeddings to mean what the run takes them for. */
export interface Contract {
  /** Numbers in an embedding. */
  dimension: number
  /** Digest of the weight files that the bundle's model was made from, whatever its precision. */
  source: string
  /** Of the bundle: a server in eight bits and one with more must not fill the same table. @default any */
  precision?: string
  /** Digest of the bundle's model, which a server in the same precision must have, too. @default any */
  digest?: string
}

/** What servers must host for a run with the models of a bundle. */
export function contractsOf({ manifest }: Pick<Bundle, 'manifest'>): Record<ModelName, Contract> {
  const { models, precision } = manifest
  return forModels((model) => {
    const { dimension } = models[model]
    return { dimension, source: sourceDigest(models[model]), precision, digest: modelDigest(manifest, model) }
  })
}

/** Contracts of the partners that servers may host beside the models. */
export type PartnerContracts = Readonly<Partial<Record<PartnerName, Contract>>>

/** What the partner of a bundle's quantized model must be, on servers that host one; nothing for a bundle without. */
export function partnersOf({ manifest }: Pick<Bundle, 'manifest'>): PartnerContracts {
  const pair = pairOf(manifest)
  if (pair === undefined) return {}
  const { name, partner, digests } = pair
  const { dimension, source } = hostedModel(manifest, name)
  return {
    [name]: { dimension, source: sourceDigest({ source }), precision: partner, digest: digests.partner },
  }
}

/** What a server says of a model in its configuration; the parameters are those that `repository build` writes. */
export interface ModelStatement {
  /** Undefined where it does not say what it hosts. */
  readonly served: ServedModel | undefined
  readonly precision: string | undefined
  readonly instances: number
  /** Requests for each instance that it wants on their way. */
  readonly inFlight: number
  /** Padded tokens of a batch that it names as best. */
  readonly tokenBudget: number | undefined
  /** Whether it computes on the processor. */
  readonly onCpu: boolean
  /** Most rows of a batch for its lengths; see `BatchFit.allow`. */
  readonly shapes: string
  /** Of a partner: whose it is, and how far apart the two are. */
  readonly recheck: RecheckStatement | undefined
}

/** Requests for each instance, where the server names no other number: one computes, one waits. A third adds nothing. */
export const REQUESTS_PER_INSTANCE = 2

const EIGHT_BITS: readonly string[] = precisionsWhere(({ eightBits }) => eightBits === true)

/** A server hosts something else under the model's name, or does not say what. */
export class OtherModelError extends UsageError {
  constructor(message: string, code: 'other-model' | 'unstated-model' = 'other-model') {
    super(message, { detail: { code, data: {} } })
  }
}

/**
 * Reads a configuration.
 * @throws OtherModelError when it is of something else than the contract asks for
 */
export function readConfig(name: string, config: ModelConfig, contract: Contract): ModelStatement {
  const parameter = (key: string) => config.parameters[key]?.stringValue
  const whole = (key: string) => {
    const value = Number(parameter(key))
    return Number.isSafeInteger(value) && value > 0 ? value : undefined
  }
  const [source, precision] = [parameter('source'), parameter('precision')]
  checkTensors(name, config, contract.dimension)
  if (source !== undefined && source !== contract.source) {
    throw new OtherModelError(
      `${name} was made from other weights (${source.slice(0, 12)}) than the bundle's (${contract.source.slice(0, 12)})`,
    )
  }
  checkPrecision(name, precision, contract.precision)
  const served = source === undefined ? undefined : statedModel(config)
  if (served !== undefined) checkDigest(name, served, contract)
  const groups = config.instanceGroup
  // The server names the GPUs of each group, or none for a group on the CPU.
  const instances = groups.reduce((sum, { kind, count, gpus }) => {
    return sum + count * (kind === ModelInstanceGroup_Kind.GPU ? Math.max(1, gpus.length) : 1)
  }, 0)
  return {
    served,
    precision,
    instances: Math.max(1, instances),
    inFlight: whole('in_flight') ?? REQUESTS_PER_INSTANCE,
    tokenBudget: whole('token_budget'),
    onCpu: groups.length > 0 && groups.every(({ kind }) => kind === ModelInstanceGroup_Kind.CPU),
    shapes: parameter('shapes') ?? '',
    recheck: parseStatement(parameter('recheck') ?? ''),
  }
}

function checkTensors(name: string, { input, output }: ModelConfig, dimension: number): void {
  const type = (dataType: DataType) => (dataType === DataType.TYPE_INT32 ? 'INT32' : `type ${dataType}`)
  const inputs = input.map(({ name, dataType, dims }) => `${name} ${type(dataType)}[${dims}]`).sort()
  const embedding = output.find((each) => each.name === GRAPH_TENSORS.embedding)
  const wanted = [`${GRAPH_TENSORS.ids} INT32[-1,-1]`, `${GRAPH_TENSORS.lengths} INT32[-1]`]
  if (inputs.join() !== wanted.join() || embedding === undefined) {
    throw new OtherModelError(
      `${name} takes ${inputs.join(', ') || 'nothing'}: expected ${wanted.join(', ')} and an output "embedding"`,
    )
  }
  if (Number(embedding.dims.at(-1)) !== dimension) {
    throw new OtherModelError(
      `${name} gives embeddings of ${embedding.dims.at(-1)} numbers, the bundle's model ${dimension}: they are not the same model`,
    )
  }
}

/** FP32, FP16 and BF16 are near enough to each other; eight bits change more digits than a run may mix. */
function checkPrecision(name: string, found: string | undefined, wanted: string | undefined): void {
  if (found === undefined || wanted === undefined || found === wanted) return
  if (!EIGHT_BITS.includes(found) && !EIGHT_BITS.includes(wanted)) return
  throw new OtherModelError(
    `${name} computes in ${found} there, and the bundle is in ${wanted}: their results must not be mixed`,
  )
}

/** In the bundle's own precision there is no reason for other graphs or weights than those of the bundle. */
function checkDigest(name: string, stated: ServedModel, { precision, digest }: Contract): void {
  if (digest === undefined || stated.precision !== precision || stated.digest === digest) return
  throw new OtherModelError(
    `${name} hosts ${describeModel(stated)}, made from the same files as the bundle's ${describeModel({ digest, precision })}, ` +
      'but with other graphs or weights',
  )
}

/** @returns undefined where the configuration does not say what the model is */
export function statedModel({ parameters }: ModelConfig): ServedModel | undefined {
  const digest = parameters.digest?.stringValue
  const precision = parameters.precision?.stringValue
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest)) return undefined
  if (precision === undefined || !/^[a-z0-9]{1,16}$/.test(precision)) return undefined
  return { digest, precision, version: servedVersion(digest) }
}

/** A few words for messages. */
export function describeModel({ digest, precision }: Pick<ServedModel, 'digest' | 'precision'>): string {
  return `model ${digest.slice(0, 12)} in ${precision}`
}

/** What all servers of a run host under a model's name: what the first one does. */
export class Agreement {
  readonly contract: Contract
  readonly #trust: boolean
  #first: { readonly server: string; readonly statement: ModelStatement } | undefined

  /** @param trust - use servers that do not say what they host */
  constructor(contract: Contract, trust: boolean) {
    this.contract = contract
    this.#trust = trust
  }

  /** @throws OtherModelError when the server states something else than the first one */
  join(server: string, statement: ModelStatement): void {
    if (statement.served === undefined && !this.#trust) {
      throw new OtherModelError(
        `${server} does not say which model it hosts, so that nothing would show if another one took its place`,
        'unstated-model',
      )
    }
    this.#first ??= { server, statement }
    const first = this.#first
    const differs = (one: string | undefined, other: string | undefined) =>
      one !== undefined && other !== undefined && one !== other
    const same =
      !differs(statement.served?.digest, first.statement.served?.digest) &&
      !differs(statement.precision, first.statement.precision)
    if (same) return
    const words = ({ served, precision = 'an unknown precision' }: ModelStatement) =>
      served === undefined ? precision : describeModel(served)
    throw new OtherModelError(
      `${first.server} computes ${words(first.statement)}, and ${server} computes ${words(statement)}: ` +
        'their results must not be mixed in one run',
    )
  }
}
