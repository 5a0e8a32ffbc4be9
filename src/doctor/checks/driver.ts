import { existsSync } from 'node:fs'
import { type Check, ok, problem, warning } from '../finding.ts'

/** The first driver that runs programs of CUDA 12. Source: CUDA Toolkit release notes, minor version compatibility. */
const LEAST_DRIVER = 525
/** The kernel's part of the driver shows itself there, in containers too. */
const KERNEL_MODULE = '/proc/driver/nvidia/version'

export default {
  id: 'driver',
  title: 'GPU driver',
  about: "whether NVIDIA's driver answers, and is new enough for CUDA 12",
  remedy: 'install a newer driver from NVIDIA, or restart the machine after an update of the driver',
  async examine({ survey }) {
    const found = await survey()
    if (found.problem !== undefined) return problem(`nvidia-smi ${found.problem}`, this.remedy)
    const driver = found.all[0]?.driver
    if (driver === undefined) {
      if (found.all.length > 0 || !existsSync(KERNEL_MODULE)) return undefined
      return warning(
        'the kernel has a driver for NVIDIA GPUs, and nvidia-smi lists none',
        'start the container with its GPUs (docker run --gpus all), or put nvidia-smi on PATH',
      )
    }
    if (Number.parseInt(driver, 10) >= LEAST_DRIVER) return ok(`version ${driver}`)
    return problem(`version ${driver}, and CUDA 12 needs ${LEAST_DRIVER} or later`, this.remedy)
  },
} satisfies Check
