import type { RuntimeBuilder } from './runtime.ts'
import type { ServerFacts } from './server-facts.ts'

/** A program of this machine that builds plans. */
export interface FoundBuilder {
  readonly options: RuntimeBuilder
  readonly tensorrt: string
  /** Whether it builds fused attention: Python bindings with numpy and NVRTC. */
  readonly fused: boolean
}

/** A builder and the backend of a server that loads what it builds. */
export interface Pair {
  readonly builder: FoundBuilder
  readonly backend: 'tensorrt' | 'python'
  readonly attention: 'standard' | 'fused'
}

/** Plugins as ours are there from this major version on. */
const PLUGINS_SINCE = 10

/**
 * The fastest pair that fits, or why there is none. Fused attention is the fastest (docs/performance.md) and runs in the Python
 * backend only; without it the server's own backend for TensorRT is used, which asks for nothing in the server's Python.
 */
export function pairUp(server: ServerFacts, builders: readonly FoundBuilder[]): Pair | string[] {
  const fits = (version: string | null) => builders.filter(({ tensorrt }) => isSame(tensorrt, version))
  const inPython = lacksForPython(server) === undefined ? fits(server.tensorrt) : []
  const fused = inPython.find((builder) => builder.fused && canFuse(server))
  if (fused !== undefined) return { builder: fused, backend: 'python', attention: 'fused' }
  if (server.backends.includes('tensorrt')) {
    // Where its library cannot be asked for, the server itself will refuse plans that do not fit.
    const [builder] = server.library === null ? builders : fits(server.library)
    if (builder !== undefined) return { builder, backend: 'tensorrt', attention: 'standard' }
  }
  const [builder] = inPython
  if (builder !== undefined) return { builder, backend: 'python', attention: 'standard' }
  return reasons(server, builders)
}

/** What the Python backend of a server lacks to host plans; undefined when nothing. */
function lacksForPython({ tensorrt, problem, numpy, runtime, answers }: ServerFacts): string | undefined {
  if (tensorrt === null) return `has no TensorRT (${problem ?? 'no reason given'})`
  if (numpy === null) return 'has no numpy'
  if (!answers) return `answers with empty tensors: this server does not work with numpy ${numpy}`
  if (!runtime) return 'finds no CUDA runtime (libcudart.so.12)'
  return undefined
}

function canFuse({ compiler, tensorrt }: ServerFacts): boolean {
  return compiler && canHavePlugins(tensorrt)
}

export function canHavePlugins(tensorrt: string | null): boolean {
  return Number.parseInt(tensorrt ?? '', 10) >= PLUGINS_SINCE
}

/** Some programs say the fourth number of a version, and some do not. */
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
