import { arch, platform } from 'node:os'
import { availableCores } from '../system/cores.ts'
import { availableMemory } from '../system/memory.ts'

/** Programs that run containers, best known first. */
const ENGINES = ['docker', 'podman', 'apptainer'] as const

export interface MachineFacts {
  /** As Node names it: `linux`, `darwin`, `win32`. */
  os: string
  /** As Node names it: `x64`, `arm64`. */
  arch: string
  /** That this process may use. */
  cores: number
  /** That this process may use: limits of control groups are respected. */
  memoryBytes: number
  /** Version of the C library, where it is glibc: `2.36`. */
  glibc?: string
  /** Those whose programs are on PATH. Whether they work is not tried. */
  containers: (typeof ENGINES)[number][]
  /** Whether this process runs in a job of Slurm. */
  slurm: boolean
}

export async function machineFacts(): Promise<MachineFacts> {
  const glibc = glibcVersion()
  return {
    os: platform(),
    arch: arch(),
    cores: availableCores(),
    memoryBytes: availableMemory(),
    ...(glibc !== undefined && { glibc }),
    containers: ENGINES.filter((engine) => Bun.which(engine) !== null),
    slurm: process.env.SLURM_JOB_ID !== undefined,
  }
}

function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime
}
