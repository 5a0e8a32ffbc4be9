import { dlopen } from 'bun:ffi'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { InferenceSession } from '#onnxruntime-node'
import { threadsToStart } from '../system/cores.ts'
import { DataError, UnavailableError } from '../system/errors.ts'
import { foreign } from '../system/printable.ts'
import { messageOf, systemProblem } from '../system/problems.ts'
import { stoppedAtOnce } from '../system/stop-signals.ts'
import { fromSystem } from '../system/system-error.ts'

/** An ONNX graph could not be loaded or run in this process. */
export class InferenceError extends DataError {}

export interface SessionOptions {
  /** Threads inside one operator, at most one for each core this process may use. @default as many */
  threads?: number | undefined
  /** Computes rounding to FP8 as it is written; the runtime's own rules for it know INT8 only and fail. @default false */
  fp8?: boolean
}

export type { InferenceSession }

/**
 * The runtime is loaded on first use: it is 20 MB of native code that no help text needs.
 * @throws VirnucproError when the system cannot load it: no memory, another library of that name before it, one missing
 */
export async function loadRuntime(): Promise<typeof import('#onnxruntime-node')> {
  turnOffTelemetry()
  try {
    return await import('#onnxruntime-node')
  } catch (cause) {
    throw fromSystem(cause) ?? unloadable(cause)
  }
}

function unloadable(cause: unknown): UnavailableError {
  const reason = foreign(messageOf(cause))
  // The loader says the same of a limited address space and of a file system on which no program may run.
  if (reason.includes('failed to map segment')) {
    return new UnavailableError(
      `cannot load ONNX Runtime: ${reason}. End other programs or raise the limit of memory (ulimit -v), or install ` +
        'virnucpro on a file system that lets programs run',
      { kind: 'tryAgain', cause },
    )
  }
  return new UnavailableError(
    `cannot load ONNX Runtime: ${reason}. Check LD_LIBRARY_PATH for a library of the same name, and install virnucpro again if a file is missing`,
    { cause },
  )
}

const TELEMETRY_SWITCH = 'ORT_DISABLE_TELEMETRY'

/**
 * The runtime's builds report their use to their maker and keep an identifier in the home folder, unless this variable
 * is set. It is read by native code, which does not see what is assigned to `process.env`, hence the call into libc.
 *
 * @throws UnavailableError when libc cannot be opened
 */
function turnOffTelemetry(): void {
  if (process.env[TELEMETRY_SWITCH] !== undefined || process.platform === 'win32') return
  const { symbols, close } = openLibrary(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6')
  symbols.setenv(Buffer.from(`${TELEMETRY_SWITCH}\0`), Buffer.from('1\0'), 1)
  close()
  process.env[TELEMETRY_SWITCH] = '1'
}

function openLibrary(library: string) {
  try {
    return dlopen(library, { setenv: { args: ['ptr', 'ptr', 'i32'], returns: 'i32' } })
  } catch (cause) {
    throw (
      fromSystem(cause) ??
      new UnavailableError(
        `cannot open ${library} to keep ONNX Runtime from reporting its use: ${foreign(messageOf(cause))}. ` +
          `Set ${TELEMETRY_SWITCH}=1 in the environment, which does the same`,
        { cause },
      )
    )
  }
}

/**
 * Opens a graph for the CPU of this process: the file at a path, with the weights beside it, or the content of one that has
 * its weights inside.
 *
 * The arena is on: without it the large tensors of every operator are returned to the system and their pages are
 * fetched and cleared again, which cost a tenth of the speed or more (docs/adr/0028-onnx-runtime-on-processors.md). Batches have a bounded number of
 * tokens, so that it stops growing early. Memory patterns help only when all shapes are equal.
 */
export async function openSession(
  graph: string | Uint8Array,
  options: SessionOptions = {},
): Promise<InferenceSession> {
  const { InferenceSession } = await loadRuntime()
  try {
    const open = () =>
      InferenceSession.create(graph as string, {
        executionProviders: ['cpu'],
        intraOpNumThreads: threadsToStart(options.threads),
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        enableCpuMemArena: true,
        enableMemPattern: false,
        // Failures come back as errors and are reported with what they mean; the runtime's own lines would only repeat them.
        logSeverityLevel: 4,
        ...(options.fp8 && { extra: { session: { disable_quant_qdq: '1' } } }),
      })
    return (await loadsLong(graph)) ? await stoppedAtOnce(open) : await open()
  } catch (error) {
    const problem = systemProblem(error, 'read')
    const why =
      problem === undefined
        ? `${messageOf(error)}. Import the models again if the file is damaged.`
        : `${problem.reason}; ${problem.remedy}`
    throw new InferenceError(`cannot load the graph${typeof graph === 'string' ? ` ${graph}` : ''}: ${why}`, {
      cause: error,
    })
  }
}

/** Weights of so many bytes take the runtime a second or more to read, in which the JavaScript thread does nothing else. */
const LONG_LOAD_BYTES = 200e6

async function loadsLong(graph: string | Uint8Array): Promise<boolean> {
  if (typeof graph !== 'string') return false
  const sizes = [graph, join(dirname(graph), 'weights.bin')].map((path) =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).some((size) => size > LONG_LOAD_BYTES)
}
