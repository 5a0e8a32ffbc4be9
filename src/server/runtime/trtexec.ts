import { access, constants } from 'node:fs/promises'

/** Where TensorRT's and Triton's containers and packages put it. */
const USUAL_PLACES = ['/usr/src/tensorrt/bin/trtexec', '/opt/tensorrt/bin/trtexec']
const PATIENCE_MS = 60_000

/** TensorRT's command line: the one named, or those that this machine has in the usual places. */
export async function findTrtexec(named: string | undefined): Promise<string[]> {
  const candidates = named === undefined ? ['trtexec', ...USUAL_PLACES] : [named]
  const found: string[] = []
  for (const candidate of candidates) {
    const path = candidate.includes('/') ? candidate : (Bun.which(candidate) ?? '')
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere && !found.includes(path)) found.push(path)
  }
  return found
}

/**
 * The version that a command line of TensorRT says of itself, such as `10.6.0`; undefined when it says none.
 *
 * @param command `trtexec`, behind whatever starts it
 * @throws the reason of `signal`
 */
export async function trtexecVersion(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<string | undefined> {
  signal?.throwIfAborted()
  try {
    const child = Bun.spawn([...command, '--help'], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, ...environment },
      timeout: PATIENCE_MS,
      ...(signal && { signal }),
    })
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
    signal?.throwIfAborted()
    // `&&&& RUNNING TensorRT.trtexec [TensorRT v100600] …`; v8601 before version 10.
    const number = /\[TensorRT v(\d+)\]/.exec(out + err)?.[1]
    return number === undefined ? undefined : dotted(Number(number))
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}

function dotted(number: number): string {
  const base = number >= 100_000 ? 10_000 : 1000
  return [Math.floor(number / base), Math.floor((number % base) / 100), number % 100].join('.')
}
