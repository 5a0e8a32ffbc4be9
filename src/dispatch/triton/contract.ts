import type { ModelConfig } from 'tritonclient-ts'
import { GRAPH_TENSORS, precisionsWhere } from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import type { ServedModel } from '../backend.ts'
import { describeModel, IDENTITY_PARAMETERS, statedModel, tensorsOf } from './identity.ts'

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

const EIGHT_BITS: readonly string[] = precisionsWhere(({ eightBits }) => eightBits === true)

/** A server hosts something else under the model's name, or does not say what. */
export class OtherModelError extends UsageError {}

/**
 * @returns what the server states that it hosts; undefined where it states nothing
 * @throws OtherModelError when it is something else than the contract asks for
 */
export function checkContract(
  name: string,
  config: ModelConfig,
  contract: Contract,
): ServedModel | undefined {
  const { dimension, source } = contract
  const inputs = tensorsOf(config)
  const output = config.output.find((each) => each.name === GRAPH_TENSORS.embedding)
  const wanted = [`${GRAPH_TENSORS.ids} INT32[-1,-1]`, `${GRAPH_TENSORS.lengths} INT32[-1]`]
  if (inputs.join() !== wanted.join() || output === undefined) {
    throw new OtherModelError(
      `${name} takes ${inputs.join(', ') || 'nothing'}: expected ${wanted.join(', ')} and an output "embedding". ` +
        'Build its repository with: virnucpro repository build',
    )
  }
  if (Number(output.dims.at(-1)) !== dimension) {
    throw new OtherModelError(
      `${name} gives embeddings of ${output.dims.at(-1)} numbers, the bundle's model ${dimension}: they are not the same model`,
    )
  }
  const found = config.parameters[IDENTITY_PARAMETERS.source]?.stringValue
  if (found !== undefined && found !== source) {
    throw new OtherModelError(
      `${name} was made from other weights (${found.slice(0, 12)}) than the bundle's (${source.slice(0, 12)}). ` +
        'Build its repository from this bundle, or name the bundle that it was built from.',
    )
  }
  checkPrecision(name, config.parameters[IDENTITY_PARAMETERS.precision]?.stringValue, contract.precision)
  const stated = found === undefined ? undefined : statedModel(config)
  if (stated !== undefined) checkDigest(name, stated, contract)
  return stated
}

/** FP32, FP16 and BF16 are near enough to each other; eight bits change more digits than a run may mix. */
function checkPrecision(name: string, found: string | undefined, wanted: string | undefined): void {
  if (found === undefined || wanted === undefined || found === wanted) return
  if (!EIGHT_BITS.includes(found) && !EIGHT_BITS.includes(wanted)) return
  throw new OtherModelError(
    `${name} computes in ${found} there, and the bundle is in ${wanted}: their results must not be mixed. ` +
      `Name the bundle that the server's repository was built from, or another server.`,
  )
}

/** In the bundle's own precision there is no reason for other graphs or weights than those of the bundle. */
function checkDigest(name: string, stated: ServedModel, { precision, digest }: Contract): void {
  if (digest === undefined || stated.precision !== precision || stated.digest === digest) return
  throw new OtherModelError(
    `${name} hosts ${describeModel(stated)}, made from the same files as the bundle's ${describeModel({ digest, precision })}, ` +
      'but with other graphs or weights. Build its repository from this bundle, or name the bundle that it was built from.',
  )
}
