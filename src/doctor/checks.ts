import bun from './checks/bun.ts'
import classifiers from './checks/classifiers.ts'
import configuration from './checks/configuration.ts'
import cores from './checks/cores.ts'
import deployment from './checks/deployment.ts'
import diskHome from './checks/disk-home.ts'
import diskOutput from './checks/disk-output.ts'
import diskTemporary from './checks/disk-temporary.ts'
import driver from './checks/driver.ts'
import gpuKinds from './checks/gpu-kinds.ts'
import gpus from './checks/gpus.ts'
import home from './checks/home.ts'
import memory from './checks/memory.ts'
import models from './checks/models.ts'
import openFiles from './checks/open-files.ts'
import ports from './checks/ports.ts'
import recheck from './checks/recheck.ts'
import server from './checks/server.ts'
import sharedMemory from './checks/shared-memory.ts'
import tensorrt from './checks/tensorrt.ts'
import weights from './checks/weights.ts'
import type { Check } from './finding.ts'

/** All checks, in the order of their findings. A new check is a file and a line here. */
export const CHECKS: readonly Check[] = [
  bun,
  cores,
  memory,
  openFiles,
  home,
  diskHome,
  diskOutput,
  diskTemporary,
  models,
  classifiers,
  weights,
  driver,
  gpus,
  gpuKinds,
  server,
  tensorrt,
  deployment,
  recheck,
  sharedMemory,
  ports,
  configuration,
]
