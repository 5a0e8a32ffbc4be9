import { resolve } from 'node:path'
import { bytesBelow } from '../../system/disk-usage.ts'
import { foreign } from '../../system/printable.ts'
import { messageOf } from '../../system/problems.ts'
import { bytes } from '../../text/numbers.ts'
import { RuntimeError } from './errors.ts'

/** Settings of users that contradict what is done here: packages go into a folder of ours. */
const SETTINGS = {
  PIP_USER: '0',
  PIP_REQUIRE_VIRTUALENV: '0',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_NO_INPUT: '1',
  PIP_NO_COLOR: '1',
  PIP_NO_WARN_SCRIPT_LOCATION: '1',
  PIP_ROOT_USER_ACTION: 'ignore',
  PYTHONUNBUFFERED: '1',
}
const FLAGS = ['--no-deps', '--only-binary=:all:', '--no-color', '--progress-bar=off']
/** The next attempt may do better. */
const PASSING =
  /incomplete|connection (broken|reset|aborted)|timed out|do not match the hashes|temporary failure/i
const WARNING = /^\s*(WARNING|\[notice\])/
const ATTEMPTS = 3
const SAY_MS = 10_000
const KEPT_LINES = 8

export interface PipCall {
  /** A Python that has pip. */
  readonly python: string
  readonly args: readonly string[]
  /** Folder for its temporary files, which are as large as the packages. */
  readonly temporary: string
  /** What it does, for messages: `downloading numpy==1.26.4`. */
  readonly what: string
  readonly onProgress: (message: string) => void
  readonly signal: AbortSignal
}

/**
 * Runs pip, again when a connection breaks. pip takes indexes, proxies and certificates from its own variables and files. It
 * ends with this process.
 *
 * @throws RuntimeError with what it said; the reason of the signal
 */
export async function pip(call: PipCall): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const said = await once(call)
    if (said === undefined) return
    const isPassing = said.some((line) => !WARNING.test(line) && PASSING.test(line))
    if (attempt === ATTEMPTS || !isPassing) throw failure(call.what, said)
    call.onProgress(`${call.what}: the connection broke; attempt ${attempt + 1} of ${ATTEMPTS}`)
  }
}

/** Its last lines when it fails. */
async function once({
  python,
  args,
  temporary,
  what,
  onProgress,
  signal,
}: PipCall): Promise<string[] | undefined> {
  signal.throwIfAborted()
  const [command = '', ...rest] = args
  const script = resolve(import.meta.dir, 'python/while_read.py')
  let child: ReturnType<typeof start>
  const start = () =>
    Bun.spawn([python, script, 'pip', command, ...FLAGS, ...rest], {
      // Open as long as this process lives, which is what the script looks at.
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, ...SETTINGS, TMPDIR: temporary },
      signal,
    })
  try {
    child = start()
  } catch (cause) {
    throw new RuntimeError(`${what}: cannot start ${python}: ${messageOf(cause)}`, { cause })
  }
  const timer = setInterval(async () => {
    const size = await bytesBelow(temporary)
    if (size > 0) onProgress(`${what}: ${bytes(size)} so far`)
  }, SAY_MS)
  try {
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    signal.throwIfAborted()
    if (code === 0) return undefined
    // Errors are last, and kept.
    const lines = `${out}\n${err}`.split('\n').filter((line) => line.trim() !== '')
    // Only the warnings say why an index does not answer, five times.
    const why = lines.filter((line) => /^WARNING: Retrying/.test(line)).slice(-1)
    return [...why, ...lines.filter((line) => !WARNING.test(line)).slice(-KEPT_LINES)]
  } finally {
    clearInterval(timer)
    await child.stdin.end()
  }
}

function failure(what: string, said: readonly string[]): RuntimeError {
  const text = said.join('\n')
  const lines = ['pip said:', ...said.map((line) => `  ${foreign(line)}`)]
  if (/No space left on device/.test(text)) {
    return new RuntimeError([`${what}: the disk is full`, ...lines], {
      kind: 'inputOutput',
      detail: { code: 'no-room-in-home', data: {} },
    })
  }
  return new RuntimeError([`${what} failed`, ...lines], { detail: { code: 'no-packages', data: {} } })
}
