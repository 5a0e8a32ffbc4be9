import { join } from 'node:path'
import * as v from 'valibot'
import { writeAtomically } from '../system/atomic.ts'
import { JsonError, parseJson } from '../system/json.ts'
import { readText } from '../system/read-within.ts'
import { unlessMissing } from '../system/system-error.ts'
import { HomeError } from './errors.ts'
import { withHomeLock } from './lock.ts'
import { type Environment, HOME_FILE, homeFolder, requireFolder, requireWritableHome } from './places.ts'

const HOME_FORMAT = 'virnucpro-home'
/** Raised when an older program could not use what a newer one has written. */
const HOME_VERSION = 1

const ServerChoiceSchema = v.variant('kind', [
  v.object({
    kind: v.literal('program'),
    serverBin: v.string(),
    backendDirectory: v.exactOptional(v.string()),
    libraryPath: v.exactOptional(v.string()),
    python: v.exactOptional(v.string()),
    trtexec: v.exactOptional(v.string()),
    /** Backend of the server that takes plans, and the form of attention; the server is asked where they are absent. */
    backend: v.exactOptional(v.picklist(['tensorrt', 'python'])),
    attention: v.exactOptional(v.picklist(['standard', 'fused'])),
    /** Whether layers in FP8 can be fused, too. Where they cannot, or it is absent, a set-up in FP8 asks the server again. */
    products: v.exactOptional(v.boolean()),
  }),
  v.object({ kind: v.literal('private'), name: v.string() }),
  v.object({
    kind: v.literal('container'),
    engine: v.picklist(['docker', 'podman', 'apptainer']),
    image: v.string(),
  }),
])

const SourcesSchema = v.object({ esm: v.string(), dnabert: v.string() })

const HomeRecordSchema = v.object({
  format: v.literal(HOME_FORMAT),
  version: v.literal(HOME_VERSION),
  /** Name of the default bundle among those of the home. */
  bundle: v.exactOptional(v.string()),
  /** Absolute paths of the weight files of the default bundle, from which it is made in other precisions. */
  sources: v.exactOptional(SourcesSchema),
  /** Weight files of every imported bundle, by the name of the bundle. */
  imports: v.exactOptional(v.record(v.string(), SourcesSchema)),
  /** Absent when no GPUs are set up. */
  gpu: v.exactOptional(
    v.object({
      precision: v.picklist(['bf16', 'fp16', 'fp8']),
      attention: v.picklist(['standard', 'fused']),
      /** Whether a quantized model gets its partner. Absent: it was set up by a program that knew none. */
      recheck: v.exactOptional(v.boolean()),
      /** FASTA file of nucleotides to calibrate with. */
      calibrate: v.exactOptional(v.string()),
      server: ServerChoiceSchema,
    }),
  ),
})

/** The record of set-up, `home.json`. */
export type HomeRecord = v.InferOutput<typeof HomeRecordSchema>

/**
 * How the server of this machine is started, and what builds plans for it: a program of the machine, a private environment
 * among the servers of the home, or a container.
 */
export type ServerChoice = v.InferOutput<typeof ServerChoiceSchema>

/**
 * The record of set-up; format and version alone when there is none.
 * @throws HomeError when the record is damaged or of a newer version; ReadError
 */
export async function readHome(environment?: Environment): Promise<HomeRecord> {
  const home = homeFolder(environment)
  await requireFolder(home)
  const path = join(home, HOME_FILE)
  const text = await readText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EISDIR') throw damaged(path, 'it is a folder', error)
    return unlessMissing(path)(error)
  })
  return text === undefined ? { format: HOME_FORMAT, version: HOME_VERSION } : parseRecord(path, text)
}

function damaged(path: string, why: string, cause?: unknown): HomeError {
  return new HomeError(path, `${path}, which holds what was set up, is damaged: ${why}`, {
    cause,
    detail: { code: 'home-damaged', data: {} },
  })
}

function parseRecord(path: string, text: string): HomeRecord {
  let json: unknown
  try {
    json = parseJson(text)
  } catch (error) {
    if (error instanceof JsonError) throw damaged(path, error.message, error)
    throw error
  }
  const head = v.safeParse(v.object({ format: v.literal(HOME_FORMAT), version: v.number() }), json)
  if (!head.success) throw damaged(path, 'it is not a file of this program')
  if (head.output.version > HOME_VERSION) {
    throw new HomeError(
      path,
      `${path} has version ${head.output.version}, and this program reads version ${HOME_VERSION}: use the program that wrote it, or another home`,
      { detail: { code: 'other-home', data: {} } },
    )
  }
  const result = v.safeParse(HomeRecordSchema, json)
  if (result.success) return result.output
  throw damaged(
    path,
    result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`).join('; '),
  )
}

/**
 * Changes the record of set-up, whole or not at all. Simultaneous changes are made one after the other.
 * @returns the new record
 * @throws HomeError when this user cannot write to the home, or the record is damaged or of a newer version
 */
export async function changeHome(
  change: (record: HomeRecord) => HomeRecord,
  environment?: Environment,
): Promise<HomeRecord> {
  await requireWritableHome(environment)
  return await withHomeLock(
    'home',
    async () => {
      const record = change(await readHome(environment))
      const path = join(homeFolder(environment), HOME_FILE)
      await writeAtomically(path, `${JSON.stringify(v.parse(HomeRecordSchema, record), null, 2)}\n`)
      return record
    },
    { environment },
  )
}
