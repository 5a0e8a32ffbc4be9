import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'
import { type Given, given } from './effective.ts'
import type { Option } from './option.ts'
import { type PredictOptions, toPredictOptions } from './predict-options.ts'
import { resolveConfiguration } from './resolve.ts'
import { type AnySettingName, allSettings, settings } from './table.ts'
import { duration } from './values.ts'

/** What a program asks of a run: the input, and whatever is not to be as it is by default. */
export type PredictRequest = Pick<PredictOptions, 'inputs'> & {
  [Name in Exclude<keyof PredictOptions, 'inputs'>]?: PredictOptions[Name] | undefined
}

/** Settings by the name of their field; those that the library does not have by that of the program. */
const settingOf: ReadonlyMap<string, AnySettingName> = new Map(
  Object.entries<Option>(settings).flatMap(([name, { library = name }]) =>
    library === false ? [] : [[library, name as AnySettingName]],
  ),
)

/** Fields that are no setting, or come from several. */
const OTHERS = ['classifierFor', 'tritonAccess', 'fallbackToCpu'] as const

/**
 * Fills in the defaults of the table of settings, and checks what is given by its schemas. Environment and configuration
 * file are left out: a program says what it wants.
 *
 * @throws UsageError for every field that is unknown or has a value that is not one
 */
export async function completeOptions(request: PredictRequest): Promise<PredictOptions> {
  const known = [...settingOf.keys(), ...OTHERS]
  const fields = Object.entries(request).filter(([, value]) => value !== undefined)
  const unknown = fields.filter(([name]) => !known.includes(name))
  if (unknown.length > 0)
    throw new UsageError(unknown.map(([name]) => `${name}: no such option.${didYouMean(name, known)}`))
  const layer = new Map<string, Given>()
  const give = (setting: AnySettingName, name: string, value: unknown) =>
    layer.set(setting, given(allSettings[setting], value, { kind: 'argument', name }))
  for (const [name, value] of fields) {
    const setting = settingOf.get(name)
    if (setting !== undefined) give(setting, name, asWritten(setting, value))
  }
  const { ca, cert, key, header } = request.tritonAccess ?? {}
  const access = { tritonCa: ca, tritonCert: cert, tritonKey: key, tritonHeader: header }
  for (const [setting, value] of Object.entries(access))
    if (value !== undefined) give(setting as AnySettingName, 'tritonAccess', value)
  const configuration = await resolveConfiguration({
    given: layer,
    environment: {},
    flagsOnly: true,
    cwd: process.cwd(),
  })
  const { classifierFor, fallbackToCpu = false } = request
  return { ...toPredictOptions(configuration), classifierFor, fallbackToCpu }
}

/** A program has times in seconds; people write a unit. */
function asWritten(setting: AnySettingName, value: unknown): unknown {
  return allSettings[setting]?.schema === duration.schema && typeof value === 'number' && value !== 0
    ? `${value}s`
    : value
}
