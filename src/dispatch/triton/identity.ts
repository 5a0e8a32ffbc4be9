import { DataType, type ModelConfig } from 'tritonclient-ts'
import { servedVersion } from '../../bundle/index.ts'
import type { Logger } from '../../system/logger.ts'
import type { ServedModel, ServerFacts } from '../backend.ts'

/** Parameters of a model's configuration that tell what it is; `repository build` writes them. */
export const IDENTITY_PARAMETERS = { source: 'source', precision: 'precision', digest: 'digest' } as const

/** @returns undefined where the configuration does not say what the model is */
export function statedModel({ parameters }: ModelConfig): ServedModel | undefined {
  const digest = parameters[IDENTITY_PARAMETERS.digest]?.stringValue
  const precision = parameters[IDENTITY_PARAMETERS.precision]?.stringValue
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest)) return undefined
  if (precision === undefined || !/^[a-z0-9]{1,16}$/.test(precision)) return undefined
  return { digest, precision, version: servedVersion(digest) }
}

/** For servers that are used since the user trusts them. */
export function warnOfUnstated(servers: readonly ServerFacts[], logger: Logger): void {
  for (const { address, unstated } of servers) {
    if (unstated.length === 0) continue
    logger.warn(
      `the server ${address} does not say which model it hosts as ${unstated.join(' and ')}, and is used since it is trusted: ` +
        'nothing tells if another model takes its place',
    )
  }
}

/** A few words for messages. */
export function describeModel({ digest, precision }: Pick<ServedModel, 'digest' | 'precision'>): string {
  return `model ${digest.slice(0, 12)} in ${precision}`
}

/** The tensors of a model as a configuration has them. */
export function tensorsOf({ input }: ModelConfig): string[] {
  return input
    .map(({ name, dataType, dims }) => {
      return `${name} ${dataType === DataType.TYPE_INT32 ? 'INT32' : `type ${dataType}`}[${dims}]`
    })
    .sort()
}
