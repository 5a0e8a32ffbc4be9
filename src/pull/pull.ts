import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { freeBytes } from '../machine/index.ts'
import { UnavailableError, VirnucproError } from '../system/errors.ts'
import { FileLock } from '../system/file-lock.ts'
import { cannotRead, ReadError } from '../system/system-error.ts'
import { bytes, plural } from '../text/numbers.ts'
import { filesOfFolder, findCached, isFile } from './caches.ts'
import { type Pullable, pullable } from './catalogue.ts'
import { faultOf } from './content.ts'
import { download, removeUnfinished } from './download.ts'
import { Client } from './http.ts'
import { copyFile, type LocalFile, localFiles } from './local.ts'
import { hubEndpoint, mirroredFiles, type Published, publishedFiles, webAddress } from './publishers.ts'
import { unfinishedName } from './unfinished.ts'

export interface PullOptions {
  readonly models: readonly Pullable[]
  /** Folder of weights. */
  readonly output: string
  /** Whether what another program has on this machine is used where it lies, and not brought here. */
  readonly inPlace: boolean
  /** A folder, a file or an address to take the models from. */
  readonly from?: string | undefined
  /** Requests for one file at a time. */
  readonly connections: number
  /** A server that sends nothing for so long is given up. */
  readonly timeoutMs: number
  /** Failures in a row before a server is given up. */
  readonly retries: number
  /** Bring what is there already once more. */
  readonly force: boolean
  /** Only look and say. */
  readonly dryRun: boolean
  readonly onInfo: (message: string) => void
  readonly onWarning: (message: string) => void
  /** Hears of bytes that are there, of all that are to come. */
  readonly onProgress: (done: number, total: number) => void
  readonly signal: AbortSignal
}

/** A model and where it is now. */
export interface Pulled {
  readonly model: Pullable
  readonly path: string
  /** What is to come, or has come; 0 where it was there. */
  readonly bytes: number
}

type Item = LocalFile | Published

/** What must be done for a model. */
interface Job extends Omit<Pulled, 'bytes'> {
  readonly items: readonly Item[]
}

/**
 * Brings models to a folder. Nothing of them is executed. What was interrupted goes on from where it was.
 *
 * @throws NoInputError, UnavailableError, TryAgainError of a source; DataError for damaged content; WriteError
 */
export async function pullModels(options: PullOptions): Promise<Pulled[]> {
  const client = clientFor(options)
  const jobs: Job[] = []
  for (const model of options.models) jobs.push(await plan(client, model, options))
  for (const job of jobs) announce(job, options)
  await requireRoom(jobs, options)
  const pulled = jobs.map(({ model, path, items }) => ({ model, path, bytes: sizeOfAll(items) }))
  if (options.dryRun) return pulled

  const total = sizeOfAll(jobs.flatMap(({ items }) => items))
  let done = 0
  const onBytes = (news: number) => {
    done += news
    options.onProgress(done, total)
  }
  for (const job of jobs) if (job.items.length > 0) await carryOut(job, client, onBytes, options)
  return pulled
}

function clientFor({ timeoutMs, retries, signal, onWarning }: PullOptions): Client {
  const value = process.env.HF_TOKEN?.trim()
  const token = value ? { origin: new URL(hubEndpoint()).origin, value } : undefined
  return new Client({ timeoutMs, retries, token, signal, onRetry: onWarning })
}

/** Where a model is on this machine: among the weights in a folder, or where another program has put it. */
export async function findPulled(model: Pullable, folder: string): Promise<string | undefined> {
  const path = join(folder, model.place)
  return (await isWhole(model, path)) ? path : await findCached(model)
}

/** Looks where a model is; nothing is written yet. */
async function plan(client: Client, model: Pullable, options: PullOptions): Promise<Job> {
  const path = join(options.output, model.place)
  if (!options.force && (await isWhole(model, path))) return { model, path, items: [] }
  if (options.from !== undefined) return { model, path, items: await itemsFrom(client, model, options.from) }
  const cached = options.force ? undefined : await findCached(model)
  if (cached !== undefined && options.inPlace) return { model, path: cached, items: [] }
  if (cached !== undefined) return await planCopy(client, model, cached, options)
  if (model.url === undefined && /^(1|on|yes|true)$/i.test(process.env.HF_HUB_OFFLINE ?? ''))
    throw new UnavailableError(`${model.repository} is in no cache, and HF_HUB_OFFLINE forbids to ask for it`)
  return { model, path, items: await publishedFiles(client, model, hubEndpoint()) }
}

async function itemsFrom(client: Client, model: Pullable, from: string): Promise<readonly Item[]> {
  if (/^https?:/i.test(from))
    return await mirroredFiles(client, model, webAddress(from, 'the address of a mirror'))
  await stat(from).catch((error) => {
    throw new ReadError(from, error)
  })
  return await localFiles(model, from)
}

/** What lies in a cache of Hugging Face is a folder, also where it was to be a file. */
async function planCopy(client: Client, model: Pullable, cached: string, options: PullOptions): Promise<Job> {
  const folder = model.url === undefined ? undefined : pullable(model.repository ?? '')
  if (folder !== undefined && !(await isFile(cached))) return await plan(client, folder, options)
  return { model, path: join(options.output, model.place), items: await localFiles(model, cached) }
}

/** A file or folder has its name once it is whole; of a folder, its weights come last. */
async function isWhole({ url, beside }: Pullable, path: string): Promise<boolean> {
  if (url !== undefined) return await isFile(path)
  return (await filesOfFolder(path, beside)) !== undefined
}

function announce({ model, path, items }: Job, { onInfo }: PullOptions): void {
  if (items.length === 0) {
    onInfo(`${model.name}: ${path} is there already`)
    return
  }
  const size = bytes(sizeOfAll(items))
  const source = [
    ...new Set(items.map((item) => ('file' in item ? new URL(item.file.url).host : dirname(item.path)))),
  ]
  onInfo(
    `${model.name}: ${plural(items.length, 'file')}, ${size}, from ${source.join(', ')}, licence ${model.licence}, to ${path}`,
  )
}

function sizeOfAll(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + sizeOf(item), 0)
}

function sizeOf(item: Item): number {
  return 'file' in item ? item.file.bytes : item.bytes
}

/** @throws VirnucproError when the disk does not hold what is to come */
async function requireRoom(jobs: readonly Job[], { output, onInfo }: PullOptions): Promise<void> {
  const items = jobs.flatMap((job) => job.items)
  if (items.length === 0) return
  let needed = 0
  for (const item of items)
    needed += sizeOf(item) - (await allocated(unfinishedName(join(output, item.name))))
  const free = await freeBytes(output).catch(cannotRead(output))
  onInfo(`needed in ${output}: ${bytes(Math.max(0, needed))}; free there: ${bytes(free)}`)
  if (needed > free)
    throw new VirnucproError(
      `${output}: the disk is too small: ${bytes(needed)} are to come, and ${bytes(free)} are free`,
      { kind: 'inputOutput', detail: { code: 'no-room', data: {} } },
    )
}

/** Bytes on the disk; an unfinished file has holes. */
async function allocated(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return found === undefined ? 0 : Math.min(found.size, found.blocks * 512)
}

/** One process at a time brings a model to a folder; another waits, and then finds it there. */
async function carryOut(
  { model, path, items }: Job,
  client: Client,
  onBytes: (news: number) => void,
  options: PullOptions,
): Promise<void> {
  await using lock = await FileLock.wait(`${path}.lock`, {
    signal: options.signal,
    onWait: (owner) => options.onInfo(`waiting for ${owner}, which brings the same to ${dirname(path)}`),
  })
  const signal = AbortSignal.any([options.signal, lock.signal])
  const isDone = !options.force && (await isWhole(model, path))
  for (const item of items) {
    const target = join(options.output, item.name)
    if (isDone || (!options.force && (await hasCome(target, item, signal)))) onBytes(sizeOf(item))
    else if ('file' in item)
      await download(target, item.file, { ...options, client: client.until(signal), signal, onBytes })
    else await copyFile(target, item, onBytes, signal)
    await lock.check()
  }
  for (const { name } of items) await removeUnfinished(join(options.output, name))
}

/** Whether an earlier call has brought this file of a folder. */
async function hasCome(target: string, item: Item, signal: AbortSignal): Promise<boolean> {
  const found = await stat(target).catch(() => undefined)
  if (found?.isFile() !== true || found.size !== sizeOf(item)) return false
  const digest = 'file' in item ? item.file.digest : undefined
  return (await faultOf(target, target, digest, signal)) === undefined
}
