import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../home/index.ts'
import { readText } from '../system/read-within.ts'
import type { Pullable } from './catalogue.ts'
import { filesOfModel } from './weight-files.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where other programs have put a model on this machine: fair-esm with `torch.hub`, Python's `transformers` in the cache of
 * Hugging Face. Read, and never written.
 *
 * @returns its file or folder; undefined where it is not, or not whole
 */
export async function findCached(
  model: Pullable,
  environment: Environment = process.env,
): Promise<string | undefined> {
  const { url, place, repository, beside } = model
  const torch = environment.TORCH_HOME || join(cacheFolder(environment), 'torch')
  const file = join(torch, 'hub', 'checkpoints', place)
  if (url !== undefined && (await isFile(file))) return file
  return repository === undefined ? undefined : await findSnapshot(hubCache(environment), repository, beside)
}

/** Source: the documentation of huggingface_hub, "Environment variables". */
function hubCache(environment: Environment): string {
  const home = environment.HF_HOME || join(cacheFolder(environment), 'huggingface')
  return environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE || join(home, 'hub')
}

/** Source: the documentation of huggingface_hub, "Understand caching". */
async function findSnapshot(
  cache: string,
  repository: string,
  beside: readonly string[],
): Promise<string | undefined> {
  const folder = join(cache, `models--${repository.replaceAll('/', '--')}`)
  const main = await readText(join(folder, 'refs', 'main')).catch(() => '')
  const all: string[] = await readdir(join(folder, 'snapshots')).catch(() => [])
  for (const commit of new Set([main.trim(), ...all.sort()])) {
    if (!all.includes(commit)) continue
    const snapshot = join(folder, 'snapshots', commit)
    if ((await filesOfFolder(snapshot, beside)) !== undefined) return snapshot
  }
  return undefined
}

/** The files of a model in a folder; undefined when one is missing. A link that leads nowhere is missing. */
export async function filesOfFolder(
  folder: string,
  beside: readonly string[],
): Promise<string[] | undefined> {
  const names = await readdir(folder).catch(() => [])
  const files = filesOfModel(new Set(names), beside)
  if (files === undefined) return undefined
  for (const name of files) if (!(await isFile(join(folder, name)))) return undefined
  return files
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}
