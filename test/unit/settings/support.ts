import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Configuration,
  type Given,
  resolveConfiguration,
  type SettingName,
  type Settings,
} from '../../../src/settings/index.ts'

export interface Sources {
  /** Options, by the name of their setting. */
  flags?: Partial<Record<SettingName, unknown>>
  env?: Record<string, string>
  /** Files in the current folder. */
  files?: Record<string, string>
  configFile?: string
  originalForm?: boolean
}

/** Resolves a configuration in a folder of its own. */
export async function resolved(sources: Sources): Promise<Configuration> {
  const cwd = mkdtempSync(join(tmpdir(), 'virnucpro-config-'))
  try {
    for (const [name, content] of Object.entries(sources.files ?? {})) writeFileSync(join(cwd, name), content)
    const given = new Map<string, Given>()
    for (const [name, value] of Object.entries(sources.flags ?? {})) {
      given.set(name, { value, origin: { kind: 'flag', name: `--${name}` } })
    }
    if (sources.configFile !== undefined) {
      given.set('config', { value: sources.configFile, origin: { kind: 'flag', name: '--config' } })
    }
    return await resolveConfiguration({
      given,
      environment: sources.env ?? {},
      cwd,
      originalForm: sources.originalForm ?? false,
    })
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** Some settings of a configuration given by one YAML file. */
export async function fromYaml<Name extends keyof Settings>(
  yaml: string,
  names: Name[],
  sources: Sources = {},
): Promise<Partial<Settings>> {
  const { effective } = await resolved({ ...sources, files: { 'virnucpro.config.yaml': yaml } })
  return Object.fromEntries(names.map((name) => [name, effective.values[name]]))
}
