import { resolve } from 'node:path'
import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import { PYTHON_VERSIONS } from './pins.ts'

/** A Python that an environment for a server can be made from. */
export interface BasePython {
  readonly path: string
  /** `3.11` */
  readonly version: string
  /** Its shared libpython, which the server's Python backend is linked with. */
  readonly library: string
  /** Whether it has pip itself, or can make environments that have it. */
  readonly pip: 'own' | 'ensurepip'
}

/** What python/base_python.py says. */
const AnswerSchema = v.object({
  version: v.string(),
  library: v.nullable(v.string()),
  pip: v.boolean(),
  ensurepip: v.boolean(),
})

const PATIENCE_MS = 30_000

/**
 * The first Python of PATH that will do, or the one that is named; reasons where there is none.
 *
 * @throws the reason of `signal`
 */
export async function findBasePython(
  named: string | undefined,
  signal?: AbortSignal,
): Promise<BasePython | string[]> {
  const names =
    named === undefined ? [...PYTHON_VERSIONS.map((version) => `python${version}`), 'python3'] : [named]
  const reasons: string[] = []
  for (const name of names) {
    const path = name.includes('/') ? resolve(name) : Bun.which(name)
    if (path === null) continue
    const found = await examine(path, signal)
    if (typeof found !== 'string') return found
    reasons.push(`${path} ${found}`)
  }
  return reasons.length > 0 ? reasons : [`there is no ${named ?? 'python3'} on PATH`]
}

/** A Python, or why it will not do. */
async function examine(path: string, signal: AbortSignal | undefined): Promise<BasePython | string> {
  const answer = await ask(path, signal)
  if (answer === undefined) return 'does not run'
  const { version, library, pip, ensurepip } = answer
  if (!PYTHON_VERSIONS.includes(version)) {
    const [newest = '', oldest = ''] = [PYTHON_VERSIONS[0], PYTHON_VERSIONS.at(-1)]
    return `is Python ${version}; the server works with ${oldest} to ${newest}`
  }
  if (library === null)
    return `has no shared libpython${version} (Debian and Ubuntu: package libpython${version})`
  if (!pip && !ensurepip) return 'has no pip (Debian and Ubuntu: package python3-pip or python3-venv)'
  return { path, version, library, pip: pip ? 'own' : 'ensurepip' }
}

async function ask(path: string, signal: AbortSignal | undefined) {
  signal?.throwIfAborted()
  try {
    const child = Bun.spawn([path, resolve(import.meta.dir, 'python/base_python.py')], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
      timeout: PATIENCE_MS,
    })
    const [text, code] = await Promise.all([child.stdout.text(), child.exited])
    return code === 0 ? v.parse(AnswerSchema, parseJson(text)) : undefined
  } catch {
    return undefined
  }
}
