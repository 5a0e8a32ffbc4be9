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

export async function thisMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableCores(),
    memoryGB: Math.round(totalmem() / 1e9),
    gpus: await gpuNames(),
    bun: Bun.version,
    platform: `${process.platform} ${process.arch}`,
  }
}

async function gpuNames(): Promise<string[]> {
  const program = Bun.which('nvidia-smi')
  if (program === null) return []
  const child = Bun.spawn([program, '--query-gpu=name', '--format=csv,noheader'], {
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
  return code === 0 ? text.split('\n').filter((line) => line.trim() !== '') : []
}
