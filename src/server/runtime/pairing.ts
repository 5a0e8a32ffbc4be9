import type { RuntimeBuilder } from './runtime.ts'
import type { ServerFacts } from './server-facts.ts'

/** A program of this machine that builds plans. */
export interface FoundBuilder {
  readonly options: RuntimeBuilder
  readonly tensorrt: string
  /** Whether it has what builds fused attention: Python bindings with numpy and NVRTC. */
  readonly fused: boolean
  /** Whether it has cuBLASLt, too, for fused layers in FP8. */
  readonly products: boolean
}

/** A builder and the backend of a server that loads what it builds. */
export interface Pair {
  readonly builder: FoundBuilder
  readonly backend: 'tensorrt' | 'python'
  readonly attention: 'standard' | 'fused'
  /** Whether layers in FP8 can be fused, too. */
  readonly products: boolean
}

/**
 * Fused attention is a plugin of TensorRT. What the bindings of other versions do with plugins has not been tried
 * (docs/adr/0008-plugins-outlive-tensorrt.md); it gains 6 %, and nobody's set-up may fail for that.
 */
const TRIED_WITH_PLUGINS = /^10\.6\./
/** What its kernel needs of a GPU. */
const LEAST_CAPABILITY = 8

/**
 * The fastest pair that fits these GPUs, or why there is none. Fused attention is the fastest (docs/adr/0023-own-attention.md) and runs in the Python
 * backend only; without it the server's own backend for TensorRT is used, which asks for nothing in the server's Python.
 */
export function pairUp(
  server: ServerFacts,
  all: readonly FoundBuilder[],
  computeCapabilities: readonly string[] = [],
): Pair | string[] {
  const builders = all.filter(({ tensorrt }) =>
    computeCapabilities.every((capability) => supports(tensorrt, capability)),
  )
  if (all.length > 0 && builders.length === 0) return [tooOldOrNew(all, computeCapabilities)]
  const fits = (version: string | null) => builders.filter(({ tensorrt }) => isSame(tensorrt, version))
  const inPython = lacksForPython(server) === undefined ? fits(server.tensorrt) : []
  const fusing = inPython.filter(
    (builder) => builder.fused && server.compiler && canFuse(server.tensorrt, computeCapabilities),
  )
  const fused = fusing.find(({ products }) => products) ?? fusing[0]
  if (fused !== undefined) {
    const products = fused.products && server.products
    return { builder: fused, backend: 'python', attention: 'fused', products }
  }
  if (server.backends.includes('tensorrt')) {
    // When the version of its library is unknown, the server itself refuses plans that do not fit.
    const [builder] = server.library === null ? builders : fits(server.library)
    if (builder !== undefined) return { builder, backend: 'tensorrt', attention: 'standard', products: false }
  }
  const [builder] = inPython
  if (builder !== undefined) return { builder, backend: 'python', attention: 'standard', products: false }
  return reasons(server, builders)
}

/**
 * Whether a version of TensorRT builds plans for GPUs of a compute capability.
 *
 * Source: NVIDIA's release notes of TensorRT 10.5 (no Volta from there on) and 10.8 (Blackwell from there on).
 */
function supports(tensorrt: string, computeCapability: string): boolean {
  const [major = 0, minor = 0] = tensorrt.split('.').map(Number)
  const isSince = (first: number) => major > 10 || (major === 10 && minor >= first)
  const capability = Number(computeCapability)
  if (capability >= 10) return isSince(8)
  return capability >= 7.5 || !isSince(5)
}

function tooOldOrNew(builders: readonly FoundBuilder[], computeCapabilities: readonly string[]): string {
  const versions = [...new Set(builders.map(({ tensorrt }) => tensorrt))].join(' and ')
  const gpus = [...new Set(computeCapabilities)].join(' and ')
  return `TensorRT ${versions} of this machine builds no plans for GPUs of compute capability ${gpus}`
}

/** What the Python backend of a server lacks for plans; undefined when it lacks nothing. */
function lacksForPython({ tensorrt, problem, numpy, runtime, answers }: ServerFacts): string | undefined {
  if (tensorrt === null) return `has no TensorRT (${problem ?? 'no reason given'})`
  if (numpy === null) return 'has no numpy'
  if (!answers) return `answers with empty tensors: this server does not work with numpy ${numpy}`
  if (!runtime) return 'finds no CUDA runtime (libcudart.so.12)'
  return undefined
}

/** Whether a TensorRT and all of some GPUs compute fused attention. */
export function canFuse(tensorrt: string | null, computeCapabilities: readonly string[]): boolean {
  return (
    TRIED_WITH_PLUGINS.test(`${tensorrt}.`) &&
    computeCapabilities.every((capability) => Number(capability) >= LEAST_CAPABILITY)
  )
}

/** Some programs report the fourth number of a version, and some do not. */
function isSame(version: string, other: string | null): boolean {
  const threeOf = (text: string) => text.split('.').slice(0, 3).join('.')
  return other !== null && threeOf(version) === threeOf(other)
}

function reasons(server: ServerFacts, builders: readonly FoundBuilder[]): string[] {
  const lacks = lacksForPython(server)
  const python = `its Python, ${server.executable ?? 'of an unknown place'},`
  if (lacks !== undefined && !server.backends.includes('tensorrt'))
    return [`it cannot load plans: it has no TensorRT backend, and ${python} ${lacks}`]
  const loads = [
    ...(server.backends.includes('tensorrt') ? [server.library] : []),
    ...(lacks === undefined ? [server.tensorrt] : []),
  ]
  if (builders.length === 0) return ['nothing builds plans for it: no Python with TensorRT, and no trtexec']
  return [
    `it loads plans of TensorRT ${[...new Set(loads)].join(' or ')} only, and this machine builds those of ` +
      [...new Set(builders.map(({ tensorrt }) => tensorrt))].join(', '),
  ]
}
