/**
 * Checks the packages that this one is made with: bun.lock names nothing but versions of the registry with their SHA-512, only
 * known packages have install steps, every licence is on the list, and the registry has the same checksums and knows of no
 * hole in what users install. Where it does not answer, that is said, and the rest is checked.
 * Usage: bun scripts/audit.ts [--offline] [FOLDER]   (default: the checkout)
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** They run none of them here: `scripts/setup.sh` installs without. */
const WITH_INSTALL_STEPS = ['@bufbuild/buf', 'bun', 'onnxruntime-node', 'protobufjs']

const LICENCES = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT']

const REGISTRY = 'https://registry.npmjs.org'
const AT_A_TIME = 8
const TIMEOUT_MS = 10_000

interface Package {
  /** Where it lies below node_modules: `a`, or `b/a` for one of its own that `b` has. */
  readonly place: string
  readonly name: string
  readonly version: string
  readonly integrity: string
}

const isOffline = process.argv.includes('--offline')
const named = process.argv.slice(2).find((word) => !word.startsWith('--'))
const root = resolve(named ?? join(import.meta.dir, '..'))
const problems: string[] = []

function readLock(): Package[] {
  const text = readFileSync(join(root, 'bun.lock'), 'utf8')
  // Bun leaves commas before closing brackets.
  const { packages } = JSON.parse(text.replaceAll(/,(?=\s*[}\]])/g, ''))
  return Object.entries(packages as Record<string, unknown[]>).flatMap(([place, entry]) => {
    const [spec = '', source, facts, integrity] = entry as [string?, string?, object?, string?]
    const at = spec.lastIndexOf('@')
    const [name, version] = [spec.slice(0, at), spec.slice(at + 1)]
    if (version.startsWith('workspace:packages/')) return []
    if (!/^\d+\.\d+\.\d+/.test(version) || source !== '') {
      problems.push(`${place}: ${spec} is not a version of the registry`)
      return []
    }
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))
      problems.push(`${place}: ${spec} has no SHA-512`)
    if ('hasInstallScript' in (facts ?? {}) && !WITH_INSTALL_STEPS.includes(name))
      problems.push(`${place}: ${spec} has an install step, and is not on the list of those that may`)
    return [{ place, name, version, integrity: integrity ?? '' }]
  })
}

/** Packages for other systems are not there. */
function checkInstalled({ place, name, version }: Package): void {
  const names = place.match(/@[^/]+\/[^/]+|[^/]+/g) ?? []
  const file = join(root, 'node_modules', names.join('/node_modules/'), 'package.json')
  if (!existsSync(file)) return
  const found = JSON.parse(readFileSync(file, 'utf8'))
  if (found.version !== version)
    problems.push(`${place}: ${found.version} is installed, bun.lock has ${version}`)
  const licence = String(found.license ?? 'none')
  if (!isAllowed(licence)) problems.push(`${name}@${version}: its licence, ${licence}, is not on the list`)
}

function isAllowed(expression: string): boolean {
  const words = expression.replaceAll(/[()]/g, '')
  return words.split(' OR ').some((each) => each.split(' AND ').every((one) => LICENCES.includes(one.trim())))
}

async function ask(url: string): Promise<{ dist?: { integrity?: string } } | undefined> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => undefined)
  return answer?.ok === true ? ((await answer.json()) as object) : undefined
}

/** Whether the bytes that would be installed are those of the registry. @returns packages that it did not answer for */
async function compareWithRegistry(packages: readonly Package[]): Promise<string[]> {
  const queue = [...packages]
  const silent: string[] = []
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { name, version, integrity } = next
      const published = (await ask(`${REGISTRY}/${name}/${version}`))?.dist?.integrity
      if (published === undefined) silent.push(`${name}@${version}`)
      else if (published !== integrity)
        problems.push(`${name}@${version}: bun.lock has another SHA-512 than the registry`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  return silent
}

/** Known holes in what users install; undefined where the registry does not say. */
async function auditOf(): Promise<Record<string, unknown> | undefined> {
  const child = Bun.spawn([process.execPath, 'audit', '--prod', '--json'], {
    cwd: root,
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const text = await new Response(child.stdout).text()
  await child.exited
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const packages = readLock()
for (const each of packages) checkInstalled(each)
if (!isOffline) {
  const silent = await compareWithRegistry(packages)
  if (silent.length > 0)
    console.warn(`the registry did not answer for ${silent.length} of ${packages.length} packages`)
  const audit = await auditOf()
  if (audit === undefined) console.warn('the registry did not answer the audit')
  for (const name of Object.keys(audit ?? {})) problems.push(`${name}: bun audit --prod names a hole`)
}
for (const problem of problems) console.error(problem)
console.log(`${packages.length} packages of bun.lock, ${problems.length} problems`)
if (problems.length > 0) process.exit(1)
