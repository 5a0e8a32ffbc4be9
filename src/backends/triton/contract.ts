import { UsageError } from '../../system/index.ts'
import { DataType, type ModelConfig } from '../../tritonclient/index.ts'

/** What a server's model must be for its embeddings to mean what the run takes them for. */
export interface Contract {
  /** Numbers in an embedding. */
  dimension: number
  /** Digest of the weight files that the bundle's model was made from, whatever its precision. */
  source: string
  /** Of the bundle: a server in eight bits and one with more must not fill the same table. @default any */
  precision?: string
}

/** Parameter of the model's configuration that tells what it was made from. */
export const SOURCE_PARAMETER = 'source'
/** And that tells in what it computes. */
const PRECISION_PARAMETER = 'precision'
const EIGHT_BITS = ['int8', 'fp8']

/** @throws UsageError when the server hosts something else under the model's name */
export function checkContract(name: string, config: ModelConfig, contract: Contract): void {
  const { dimension, source } = contract
  const inputs = config.input
    .map(
      ({ name, dataType, dims }) =>
        `${name} ${dataType === DataType.TYPE_INT32 ? 'INT32' : `type ${dataType}`}[${dims}]`,
    )
    .sort()
  const output = config.output.find((each) => each.name === 'embedding')
  const wanted = ['input_ids INT32[-1,-1]', 'lengths INT32[-1]']
  if (inputs.join() !== wanted.join() || output === undefined) {
    throw new UsageError(
      `${name} takes ${inputs.join(', ') || 'nothing'}: expected ${wanted.join(', ')} and an output "embedding". ` +
        'Build its repository with: virnucpro repository build',
    )
  }
  if (Number(output.dims.at(-1)) !== dimension) {
    throw new UsageError(
      `${name} gives embeddings of ${output.dims.at(-1)} numbers, the bundle's model ${dimension}: they are not the same model`,
    )
  }
  const found = config.parameters[SOURCE_PARAMETER]?.stringValue
  if (found !== undefined && found !== source) {
    throw new UsageError(
      `${name} was made from other weights (${found.slice(0, 12)}) than the bundle's (${source.slice(0, 12)}). ` +
        'Build its repository from this bundle, or name the bundle that it was built from.',
    )
  }
  checkPrecision(name, config.parameters[PRECISION_PARAMETER]?.stringValue, contract.precision)
}

/** FP32, FP16 and BF16 are near enough to each other; eight bits change more digits than a run may mix. */
function checkPrecision(name: string, found: string | undefined, wanted: string | undefined): void {
  if (found === undefined || wanted === undefined || found === wanted) return
  if (!EIGHT_BITS.includes(found) && !EIGHT_BITS.includes(wanted)) return
  throw new UsageError(
    `${name} computes in ${found} there, and the bundle is in ${wanted}: their results must not be mixed. ` +
      `Name the bundle that the server's repository was built from, or another server.`,
  )
}
