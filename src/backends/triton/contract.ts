import { UsageError } from '../../system/index.ts'
import { DataType, type ModelConfig } from '../../tritonclient/index.ts'

/** What a server's model must be for its embeddings to mean what the run takes them for. */
export interface Contract {
  /** Numbers in an embedding. */
  dimension: number
  /** Digest of the weight files that the bundle's model was made from, whatever its precision. */
  source: string
}

/** Parameter of the model's configuration that tells what it was made from. */
export const SOURCE_PARAMETER = 'source'

/** @throws UsageError when the server hosts something else under the model's name */
export function checkContract(name: string, config: ModelConfig, { dimension, source }: Contract): void {
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
}
