import { type Gpu, type GpuKind, gpuKinds } from '../../machine/index.ts'
import { count } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'gpu-kinds',
  title: 'Kinds of GPU',
  about: 'whether GPUs are alike, and whether instances (MIG) need a server each',
  remedy: 'virnucpro predict --gpus N,N',
  async examine({ gpus: findGpus }) {
    const gpus = await findGpus()
    const kinds = gpuKinds(gpus)
    const [first] = kinds
    if (gpus.length < 2 || first === undefined) return undefined
    const capabilities = new Set(kinds.map(({ computeCapability }) => computeCapability))
    const isSmall = kinds.some(({ memoryBytes }) => memoryBytes < 0.9 * first.memoryBytes)
    if (gpus.every(({ mig }) => mig === true))
      return ok(`${count(gpus.length, 'MIG instance')}, with a server each`)
    if (kinds.length === 1) return ok(`all ${gpus.length} are of one kind`)
    if (capabilities.size === 1 && !isSmall) return ok(`${kinds.length} kinds, which take the same plans`)
    return warning(
      `${kinds.length} kinds: each needs plans of its own, and batches are those of the smallest memory`,
      this.remedy.replace('N,N', numbersOf(largest(kinds), gpus)),
    )
  },
} satisfies Check

/** The kind that has the most memory in all. */
function largest(kinds: readonly GpuKind[]): GpuKind | undefined {
  const total = ({ memoryBytes, gpus }: GpuKind) => memoryBytes * gpus.length
  return kinds.toSorted((a, b) => total(b) - total(a))[0]
}

function numbersOf(kind: GpuKind | undefined, all: readonly Gpu[]): string {
  return (kind?.gpus ?? []).map((gpu) => all.indexOf(gpu)).join()
}
