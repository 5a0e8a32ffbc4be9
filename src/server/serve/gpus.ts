import { ServerNotFoundError } from './errors.ts'

/**
 * The GPUs of this machine that programs may use: those of CUDA_VISIBLE_DEVICES where it is set, else all that nvidia-smi
 * lists, by UUID, since numbers mean different GPUs to different programs. Empty when there is none.
 */
export async function findGpus(): Promise<string[]> {
  const set = process.env.CUDA_VISIBLE_DEVICES
  const gpus = set === undefined ? await listed() : set.split(',').map((gpu) => gpu.trim())
  return gpus.filter((gpu) => gpu !== '' && gpu !== '-1')
}

/**
 * GPUs to start one server each on; see {@link findGpus}.
 *
 * @throws {ServerNotFoundError} when there is none
 */
export async function visibleGpus(): Promise<string[]> {
  const found = await findGpus()
  if (found.length > 0) return found
  const set = process.env.CUDA_VISIBLE_DEVICES
  throw new ServerNotFoundError(
    set === undefined
      ? '--per-gpu: no GPU found (nvidia-smi lists none). Leave --per-gpu out to run one server on the CPU'
      : `--per-gpu: CUDA_VISIBLE_DEVICES=${set} names no GPU`,
  )
}

async function listed(): Promise<string[]> {
  if (Bun.which('nvidia-smi') === null) return []
  const child = Bun.spawn(['nvidia-smi', '--query-gpu=uuid', '--format=csv,noheader'], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
  return code === 0 ? text.split('\n').map((line) => line.trim()) : []
}
