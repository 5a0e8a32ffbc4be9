import type { ArgGroup } from '../parse/arg.ts'
import { computeArgs } from './compute.ts'
import { fileArgs, resumeArgs } from './files.ts'
import { commonArgs } from './logging.ts'
import { modelArgs } from './model.ts'
import { monitorArgs } from './monitor.ts'
import { oldArgs } from './old.ts'

/** Every option of `predict`; `config` takes the same, to show what they come to. */
export const predictGroups: readonly ArgGroup[] = [
  fileArgs,
  modelArgs,
  computeArgs,
  resumeArgs,
  monitorArgs,
  commonArgs,
  oldArgs,
]
