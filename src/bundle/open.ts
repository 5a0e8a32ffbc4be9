import { basename, dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../system/json.ts'
import { MOST_BYTES, readOpenWithin } from '../system/read-within.ts'
import { NotRegularError, openRegular } from '../system/regular-file.ts'
import { fromSystem } from '../system/system-error.ts'
import { Bundle } from './bundle.ts'
import { BundleError } from './errors.ts'
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSIONS,
  filesOf,
  isIntact,
  MANIFEST_FILE,
  type Manifest,
  ManifestSchema,
} from './manifest.ts'

/** Files of up to this size are read and compared whenever a bundle is opened. */
const SMALL_BYTES = 64 << 20

const DEMO_FOLDER = resolve(import.meta.dir, '../../examples/demo-bundle')

/** The folder that a name means: `demo` is the bundled example, anything else a path. */
export function resolveBundle(nameOrPath: string): string {
  return nameOrPath === 'demo' ? DEMO_FOLDER : resolve(nameOrPath)
}

/**
 * Opens a bundle: checks the manifest and that every file is there, is a file and has its size; compares small files with
 * their checksums. Large ones, the weights, are compared when they are used: see `whileVerified`.
 *
 * @param nameOrPath folder of the bundle, or `demo`
 * @throws BundleError naming the file and what is wrong with it
 */
export async function openBundle(nameOrPath: string, signal?: AbortSignal): Promise<Bundle> {
  const folder = resolveBundle(nameOrPath)
  const manifest = await readManifest(folder)
  const bundle = new Bundle(folder, manifest)
  for (const file of filesOf(manifest)) {
    if (file.bytes <= SMALL_BYTES) await bundle.verify(file, signal)
    else await bundle.requireThere(file)
  }
  return bundle
}

/**
 * Opens a bundle and compares every file with its checksum: reads all of it.
 *
 * @throws BundleError naming the first file that differs
 */
export async function verifyBundle(nameOrPath: string, signal?: AbortSignal): Promise<Bundle> {
  const bundle = await openBundle(nameOrPath, signal)
  await bundle.whileVerified(filesOf(bundle.manifest), async () => {}, signal)
  return bundle
}

export async function readManifest(folder: string): Promise<Manifest> {
  if (basename(folder) === MANIFEST_FILE) {
    throw new BundleError(
      folder,
      `${folder} is the manifest of a bundle: name its folder, ${dirname(folder)}`,
    )
  }
  const path = join(folder, MANIFEST_FILE)
  const bytes = await readWhole(path, folder)
  const json = parse(bytes.toString('utf8'), folder)
  const head = v.safeParse(v.object({ format: v.literal(BUNDLE_FORMAT), version: v.number() }), json)
  if (!head.success)
    throw new BundleError(folder, `${path} is not the manifest of a bundle. Import the models again.`)
  if (!BUNDLE_VERSIONS.some((version) => version === head.output.version)) {
    const versions = BUNDLE_VERSIONS.join(', ').replace(/, (\d+)$/, ' and $1')
    throw new BundleError(
      folder,
      `the bundle ${folder} has layout version ${head.output.version}; this program reads versions ${versions}. ` +
        'Import the models again with this program, or use the program that made it.',
    )
  }
  const result = v.safeParse(ManifestSchema, json)
  if (!result.success) {
    const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`)
    throw new BundleError(folder, [
      `${path} is damaged:`,
      ...problems.map((line) => `  ${line}`),
      'Import the models again.',
    ])
  }
  if (!isIntact(bytes, json as Record<string, unknown>)) {
    throw new BundleError(
      folder,
      `the bundle ${folder} is damaged: ${MANIFEST_FILE} is not as it was written (its checksum differs). ` +
        'Import the models again, or copy the bundle again.',
    )
  }
  return result.output
}

async function readWhole(path: string, folder: string): Promise<Buffer> {
  try {
    await using file = await openRegular(path)
    return await readOpenWithin(file, MOST_BYTES.description, path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== undefined && code !== 'ENOENT' && code !== 'ENOTDIR') throw fromSystem(cause) ?? cause
    const why =
      cause instanceof NotRegularError
        ? `its ${MANIFEST_FILE} is ${cause.kind}`
        : `it has no ${MANIFEST_FILE}`
    throw new BundleError(folder, `${folder} is not a bundle: ${why}`, {
      cause,
      detail: { code: 'no-bundle', data: { path: folder } },
      ...(cause instanceof NotRegularError ? {} : { kind: 'noInput' }),
    })
  }
}

function parse(text: string, folder: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    const path = join(folder, MANIFEST_FILE)
    throw new BundleError(
      folder,
      `${path} is not the manifest of a bundle: ${(cause as Error).message}. Import the models again.`,
      { cause },
    )
  }
}
