import { UsageError } from '../system/errors.ts'
import type { Option } from './option.ts'
import type { Configuration } from './resolve.ts'
import { type Settings, settings } from './table.ts'

type NameOf<Name, Setting> = Setting extends { library: infer Other }
  ? Other extends string
    ? Other
    : never
  : Name

type FromTable = { [Name in keyof typeof settings as NameOf<Name, (typeof settings)[Name]>]: Settings[Name] }

/**
 * What one `predict` run is asked to do: every value validated, every default filled in. The fields are those of the
 * table of settings, where each is described (docs/reference/configuration.md has the table); some have a name of their own.
 * The command line, environment and configuration file all end in this one type; the pipeline reads nothing else.
 */
export interface PredictOptions extends FromTable {
  /** Input files in the order given; `-` is standard input. At least one. */
  inputs: string[]
  /** Chunk length in bases. */
  expectedLength: number
  /** Chunk length that the user says the classifier was made for. Undefined: what the bundle or its name says. */
  classifierFor: number | undefined
  /** Ids that were seen before: an error, a name of their own (`_2`), or left out. */
  duplicateIds: NonNullable<Settings['duplicateIds']>
  /** Credentials for inference servers: files in PEM form, and a header for a proxy that wants one. */
  tritonAccess: {
    /** Certificate of the authority that signed the servers' certificates. Undefined: those the system trusts. */
    ca?: string | undefined
    /** Our own certificate and its key, for servers that ask for one. */
    cert?: string | undefined
    key?: string | undefined
    /** `Name: value`, sent with every request. */
    header?: string | undefined
  }
  /** A GPU that was asked for and is not there may be replaced by the processor: Broad's `fallback_to_cpu`. */
  fallbackToCpu: boolean
}

function fromTable(values: Settings): FromTable {
  const entries = Object.entries<Option>(settings).flatMap(([name, { library = name }]) =>
    library === false ? [] : [[library, values[name as keyof Settings]]],
  )
  return Object.fromEntries(entries) as FromTable
}

/** How servers are reached. */
export function tritonAccess(values: Settings): PredictOptions['tritonAccess'] {
  const { tritonCa: ca, tritonCert: cert, tritonKey: key, tritonHeader } = values
  return { ca, cert, key, header: tritonHeader?.reveal() }
}

/**
 * The options of a `predict` run; with a sample sheet they name no input.
 * @throws UsageError when no input is named.
 */
export function toPredictOptions({ effective }: Configuration): PredictOptions {
  const { values } = effective
  const { input: inputs = [], modelType, onInvalid, sampleSheet } = values
  if (inputs.length === 0 && sampleSheet === undefined)
    throw new UsageError('no input: name one or more FASTA, FASTQ or BAM files, or - for standard input')
  const isLengthStated = modelType !== 'custom' && effective.origin('modelType').kind !== 'default'
  return {
    ...fromTable(values),
    inputs,
    // Derived where it is not given.
    expectedLength: values.expectedLength as number,
    classifierFor: isLengthStated ? Number(modelType) : undefined,
    duplicateIds: values.duplicateIds ?? (onInvalid === 'skip' ? 'skip' : 'fail'),
    tritonAccess: tritonAccess(values),
    fallbackToCpu: values.fallbackToCpu === true,
  }
}
