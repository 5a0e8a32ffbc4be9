import { extname, resolve } from 'node:path'
import { askProgram } from '../system/ask-program.ts'

/** Opening many GPUs takes seconds. */
const LONGEST_ANSWER_MS = 20_000

/**
 * UUIDs of all GPUs in the order in which CUDA numbers them: the fastest first. Only its library knows what that is, and it is
 * asked in a process of its own, which has all GPUs open for a moment.
 *
 * @returns undefined where it cannot be asked
 * @throws the reason of `signal`
 */
export async function cudaOrder(signal: AbortSignal | undefined): Promise<string[] | undefined> {
  const script = resolve(import.meta.dir, `cuda-uuids${extname(import.meta.path)}`)
  const answer = await askProgram([process.execPath, script], {
    deadlineMs: LONGEST_ANSWER_MS,
    signal,
    env: { CUDA_VISIBLE_DEVICES: undefined },
  })
  if ('problem' in answer || answer.code !== 0) return undefined
  return answer.stdout.split('\n').filter((line) => line !== '')
}
