import * as v from 'valibot'
import { NoInputError, UnavailableError, UsageError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { messageOf } from '../system/problems.ts'
import type { Pullable } from './catalogue.ts'
import { type Client, NotThereError, shown } from './http.ts'
import { fetchText, inspect, type Listed, type RemoteFile } from './remote-file.ts'
import { filesOfModel, shardsInIndex, WEIGHTS } from './weight-files.ts'

/** A file of a model and its name below the folder of weights. */
export interface Published {
  readonly name: string
  readonly file: RemoteFile
}

/** Where Hugging Face is, or a mirror of it. */
export function hubEndpoint(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  return webAddress(environment.HF_ENDPOINT || 'https://huggingface.co', 'HF_ENDPOINT')
}

/** An address without a slash at its end. @throws UsageError for what is none, or holds a password */
export function webAddress(text: string, what: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${what}: expected http://HOST or https://HOST`)
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${what}: expected an address without a user name`)
  return text.replace(/\/+$/, '')
}

/** The files of a model where it is published. */
export async function publishedFiles(
  client: Client,
  model: Pullable,
  endpoint: string,
): Promise<Published[]> {
  if (model.url !== undefined) return [{ name: model.place, file: await inspect(client, model.url) }]
  const base = `${endpoint}/${model.repository}/resolve`
  const listing = await listRepository(client, endpoint, model.repository ?? '').catch((error) => {
    // Mirrors may have the files alone.
    if (error instanceof NotThereError) return undefined
    throw error
  })
  if (listing === undefined) return await probeFolder(client, model, `${base}/main`)
  const names = filesOfModel(new Set(listing.files.keys()), model.beside)
  if (names === undefined) throw incomplete(model, `${endpoint}/${model.repository}`)
  // All of one commit, whatever is published meanwhile.
  return await inspectAll(client, model, `${base}/${listing.commit}`, names, listing.files)
}

/** The files of a model at a mirror: the address of its file, or of the folder that has it. */
export async function mirroredFiles(client: Client, model: Pullable, address: string): Promise<Published[]> {
  const named = URL.parse(address)?.pathname.split('/').at(-1)
  const isItself = named === model.place
  const url = isItself ? address : `${address}/${model.place}`
  if (model.url === undefined) return await probeFolder(client, model, url)
  return [{ name: model.place, file: await inspect(client, url) }]
}

const ListingSchema = v.object({
  sha: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.nullish(v.number()),
      blobId: v.nullish(v.string()),
      lfs: v.nullish(v.object({ sha256: v.string() })),
    }),
  ),
})

async function listRepository(
  client: Client,
  endpoint: string,
  repository: string,
): Promise<{ commit: string; files: Map<string, Listed> }> {
  const url = `${endpoint}/api/models/${repository}/revision/main?blobs=true`
  const text = await fetchText(client, url)
  let listing: v.InferOutput<typeof ListingSchema>
  try {
    listing = v.parse(ListingSchema, parseJson(text))
  } catch (error) {
    throw new UnavailableError(`${shown(url)}: not the list of a model's files (${messageOf(error)})`)
  }
  const files = listing.siblings.map(({ rfilename, size, blobId, lfs }): [string, Listed] => {
    const hex = lfs?.sha256 ?? blobId ?? undefined
    const digest = hex === undefined ? undefined : ({ kind: lfs ? 'sha256' : 'git', hex } as const)
    return [rfilename, { bytes: size ?? undefined, digest }]
  })
  return { commit: listing.sha, files: new Map(files) }
}

/** The files of a folder that nobody lists. */
async function probeFolder(client: Client, model: Pullable, base: string): Promise<Published[]> {
  for (const weights of WEIGHTS) {
    const found = await inspect(client, `${base}/${weights}`).catch((error) => {
      if (error instanceof NotThereError) return undefined
      throw error
    })
    if (found === undefined) continue
    const isIndex = weights.endsWith('.index.json')
    const shards = isIndex ? shardsInIndex(parseJson(await fetchText(client, found.url))) : []
    const others = await inspectAll(client, model, base, [...model.beside, ...shards])
    return [...others, { name: `${model.place}/${weights}`, file: found }]
  }
  throw incomplete(model, base)
}

async function inspectAll(
  client: Client,
  { place }: Pullable,
  base: string,
  names: readonly string[],
  listed?: ReadonlyMap<string, Listed>,
): Promise<Published[]> {
  const files: Published[] = []
  for (const name of names)
    files.push({
      name: `${place}/${name}`,
      file: await inspect(client, `${base}/${name}`, listed?.get(name)),
    })
  return files
}

function incomplete({ beside }: Pullable, where: string): NoInputError {
  return new NoInputError(
    `${shown(where)}: expected ${[...beside, WEIGHTS[0]].join(', ')} or ${WEIGHTS[2]} there`,
  )
}
