import { cpus, totalmem } from 'node:os'
import { availableCores } from '../src/system/cores.ts'

/** What a figure was measured on; enough to tell two kinds of machine apart, nothing that names one. */
export interface Machine {
  readonly cpu: string
  /** Cores that the bench could use. */
  readonly cores: number
  readonly memoryGB: number
  /** Names of the GPUs, none where there is no `nvidia-smi`. */
  readonly gpus: readonly string[]
  readonly bun: string
  readonly platform: string
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableCores(),
    memoryGB: Math.round(totalmem() / 1e9),
    gpus: gpuNames(),
    bun: Bun.version,
    platform: `${process.platform} ${process.arch}`,
  }
}

function gpuNames(): string[] {
  const program = Bun.which('nvidia-smi')
  if (program === null) return []
  const { success, stdout } = Bun.spawnSync([program, '--query-gpu=name', '--format=csv,noheader'], {
    stderr: 'ignore',
  })
  return success
    ? stdout
        .toString()
        .split('\n')
        .filter((line) => line.trim() !== '')
    : []
}
