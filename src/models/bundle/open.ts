import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { ExitCode, parseJson, sha256File } from '../../system/index.ts'
import { BundleError } from '../errors.ts'
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  type BundleFile,
  bundleDigest,
  filesOf,
  MANIFEST_FILE,
  Manifest,
} from './manifest.ts'

/** A bundle on disk whose manifest has been checked. */
export interface Bundle {
  readonly folder: string
  readonly manifest: Manifest
  /** See `bundleDigest`. */
  readonly digest: string
  /** Absolute path of one of its files. */
  pathOf(file: BundleFile): string
}

const DEMO_FOLDER = resolve(import.meta.dir, '../../../examples/demo-bundle')

/** The folder that `--bundle` means: `demo` is the bundled example, anything else a path. */
export function resolveBundle(nameOrPath: string): string {
  return nameOrPath === 'demo' ? DEMO_FOLDER : resolve(nameOrPath)
}

/**
 * Opens a bundle: reads the manifest and compares names and sizes of all files, not their contents.
 *
 * @param nameOrPath folder of the bundle, or `demo`
 * @throws BundleError naming the file and what is wrong with it
 */
export async function openBundle(nameOrPath: string): Promise<Bundle> {
  const folder = resolveBundle(nameOrPath)
  const manifest = await readManifest(folder)
  for (const { path, bytes } of filesOf(manifest)) {
    const found = await stat(join(folder, path)).catch(() => undefined)
    const problem =
      found === undefined
        ? 'is missing'
        : found.size === bytes
          ? undefined
          : `has ${found.size} bytes instead of ${bytes}`
    if (problem !== undefined) {
      throw new BundleError(
        folder,
        `the bundle ${folder} is damaged: ${path} ${problem}. Import the models again, or copy it again.`,
      )
    }
  }
  return {
    folder,
    manifest,
    digest: bundleDigest(manifest),
    pathOf: ({ path }) => join(folder, path),
  }
}

/**
 * Opens a bundle and compares every file with its checksum: reads all of it.
 *
 * @throws BundleError naming the first file that differs
 */
export async function verifyBundle(nameOrPath: string, signal?: AbortSignal): Promise<Bundle> {
  const bundle = await openBundle(nameOrPath)
  for (const file of filesOf(bundle.manifest)) {
    if ((await sha256File(bundle.pathOf(file), signal)) !== file.sha256) {
      throw new BundleError(
        bundle.folder,
        `the bundle ${bundle.folder} is damaged: ${file.path} is not what was imported (its SHA-256 differs). ` +
          'Import the models again, or copy it again.',
      )
    }
  }
  return bundle
}

async function readManifest(folder: string): Promise<Manifest> {
  if (basename(folder) === MANIFEST_FILE) {
    throw new BundleError(
      folder,
      `${folder} is the manifest of a bundle: name its folder, ${dirname(folder)}`,
    )
  }
  const path = join(folder, MANIFEST_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new BundleError(
      folder,
      `${folder} is no bundle: it has no ${MANIFEST_FILE} that can be read. Make one with: virnucpro models import`,
      { cause, exitCode: ExitCode.noInput },
    )
  }
  const json = parse(text, folder)
  const head = v.safeParse(v.object({ format: v.literal(BUNDLE_FORMAT), version: v.number() }), json)
  if (!head.success)
    throw new BundleError(folder, `${path} is not the manifest of a bundle. Import the models again.`)
  if (head.output.version !== BUNDLE_VERSION) {
    throw new BundleError(
      folder,
      `the bundle ${folder} has layout version ${head.output.version}; this program reads version ${BUNDLE_VERSION}. ` +
        'Import the models again with this program, or use the program that made it.',
    )
  }
  const result = v.safeParse(Manifest, json)
  if (result.success) return result.output
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`)
  throw new BundleError(folder, `${path} is damaged:\n  ${problems.join('\n  ')}\nImport the models again.`)
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
