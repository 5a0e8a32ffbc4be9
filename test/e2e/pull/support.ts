import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TemporaryFolder } from '../../../scripts/support/temporary.ts'
import { encodeTorchZip, TensorData } from '../../../src/torchfile/index.ts'
import { type CliResult, type SpawnOptions, spawnCli, virnucpro } from '../../support/cli.ts'

export { temporaryFolder } from '../../../scripts/support/temporary.ts'

/** The home and the caches of a user who has none yet, whatever this machine has. */
function environment(
  folder: TemporaryFolder,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const unset = [
    'VIRNUCPRO_HOME',
    'XDG_DATA_HOME',
    'XDG_CACHE_HOME',
    'TORCH_HOME',
    'HF_HOME',
    'HF_HUB_CACHE',
    'HUGGINGFACE_HUB_CACHE',
  ]
  const alsoUnset = ['HF_ENDPOINT', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']
  const empty = [...unset, ...alsoUnset, 'http_proxy', 'https_proxy', 'all_proxy'].map((name) => [name, ''])
  return { ...Object.fromEntries(empty), NO_PROXY: '127.0.0.1', HOME: folder.path, NO_COLOR: '1', ...more }
}

/** Runs `models pull` to its end. */
export async function pull(
  folder: TemporaryFolder,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return await virnucpro(['models', 'pull', ...words], folder.path, environment(folder, env))
}

/** Starts `models pull`. */
export function startPull(folder: TemporaryFolder, words: readonly string[], options: SpawnOptions = {}) {
  const env = environment(folder, options.env ?? {})
  return spawnCli(['models', 'pull', ...words], { cwd: folder.path, ...options, env })
}

/** A file of torch.save of some megabytes. */
export async function torchFile(megabytes: number): Promise<Uint8Array> {
  const values = new Float32Array(new Uint8Array(megabytes * 1e6).buffer)
  let state = 1
  for (let at = 0; at < values.length; at++) {
    state = (state * 1103515245 + 12345) % 2147483648
    values[at] = state / 2147483648
  }
  return await encodeTorchZip(new Map([['weight', new TensorData(values, [values.length])]]), {
    archiveName: 'model',
  })
}

/** Every file below a folder, with `/` between names. */
export function filesBelow(folder: string): string[] {
  return (readdirSync(folder, { recursive: true, withFileTypes: true }) as import('node:fs').Dirent[])
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** Files of a folder under the paths of a mirror. */
export function served(folder: string, prefix: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    filesBelow(folder).map((name) => [`${prefix}/${name}`, readFileSync(join(folder, name))]),
  )
}
