import { expect, test } from 'bun:test'
import { type FoundBuilder, pairUp } from '../../../src/server/runtime/pairing.ts'
import type { ServerFacts } from '../../../src/server/runtime/server-facts.ts'

const server = (facts: Partial<ServerFacts>): ServerFacts => ({
  executable: '/usr/bin/python3',
  python: '3.11',
  numpy: '1.26.4',
  tensorrt: null,
  problem: 'No module named tensorrt',
  module: null,
  runtime: true,
  compiler: true,
  products: true,
  library: null,
  libraryPath: '',
  backends: ['python'],
  answers: true,
  ...facts,
})
const bindings = (tensorrt: string, fused = true): FoundBuilder => ({
  options: { builder: 'python', python: 'python3' },
  tensorrt,
  fused,
  products: true,
})
const trtexec = (tensorrt: string): FoundBuilder => ({
  options: { builder: 'trtexec', trtexec: 'trtexec' },
  tensorrt,
  fused: false,
  products: false,
})
const withBindings = server({ tensorrt: '10.6.0', problem: null })
const withBackend = server({ backends: ['python', 'tensorrt'], library: '10.6.0' })

test.each([
  ['fused attention where both have all it takes', withBindings, [bindings('10.6.0')], 'python fused'],
  [
    'no fused attention without a compiler in the server',
    { ...withBindings, compiler: false },
    [bindings('10.6.0')],
    'python standard',
  ],
  [
    'no fused attention from bindings without numpy',
    withBindings,
    [bindings('10.6.0', false)],
    'python standard',
  ],
  [
    'no fused attention in a TensorRT that it was not tried with',
    { ...withBindings, tensorrt: '10.13.3.9' },
    [bindings('10.13.3.9')],
    'python standard',
  ],
  ['the backend for TensorRT with its command line', withBackend, [trtexec('10.6.0')], 'tensorrt standard'],
  [
    'the backend for TensorRT, whose library cannot be asked',
    { ...withBackend, library: null },
    [trtexec('10.9.0')],
    'tensorrt standard',
  ],
  [
    'fused attention before the backend for TensorRT',
    { ...withBackend, tensorrt: '10.6.0' },
    [trtexec('10.6.0'), bindings('10.6.0')],
    'python fused',
  ],
  [
    'a version with four numbers',
    { ...withBindings, tensorrt: '10.13.3.9' },
    [trtexec('10.13.3')],
    'python standard',
  ],
  [
    'another version than the first of two builders',
    withBindings,
    [bindings('11.0.0'), trtexec('10.6.0')],
    'python standard',
  ],
] as const)('%s', (_, facts, builders, expected) => {
  const pair = pairUp(facts, builders)
  if (Array.isArray(pair)) throw new Error(pair.join())
  expect(`${pair.backend} ${pair.attention}`).toBe(expected)
})

test.each([
  [
    'its Python lacks TensorRT',
    server({}),
    [bindings('10.6.0')],
    /no TensorRT backend.*\/usr\/bin\/python3.* has no TensorRT \(No module/,
  ],
  ['its Python lacks numpy', server({ ...withBindings, numpy: null }), [bindings('10.6.0')], /has no numpy/],
  [
    'its Python has a numpy that it does not work with',
    server({ ...withBindings, numpy: '2.1.0', answers: false }),
    [bindings('10.6.0')],
    /empty tensors.*numpy 2.1.0/,
  ],
  [
    'its Python finds no CUDA runtime',
    server({ ...withBindings, runtime: false }),
    [bindings('10.6.0')],
    /CUDA runtime/,
  ],
  ['nothing builds plans', withBackend, [], /no Python with TensorRT, and no trtexec/],
  [
    'versions differ',
    { ...withBindings, ...withBackend, tensorrt: '10.6.0' },
    [trtexec('11.1.0')],
    /plans of TensorRT 10\.6\.0 only.* 11\.1\.0/,
  ],
] as const)('says that %s', (_, facts, builders, expected) => {
  const pair = pairUp(facts, builders)
  expect(Array.isArray(pair) ? pair.join('\n') : pair).toMatch(expected)
})

test('layers in FP8 are fused where both have cuBLASLt', () => {
  const without = { ...bindings('10.6.0'), products: false }
  const products = (facts: ServerFacts, ...builders: FoundBuilder[]) => {
    const pair = pairUp(facts, builders)
    return Array.isArray(pair) ? pair : pair.products
  }
  expect(products(withBindings, bindings('10.6.0'))).toBe(true)
  expect(products(withBindings, without, bindings('10.6.0'))).toBe(true)
  expect(products(withBindings, without)).toBe(false)
  expect(products({ ...withBindings, products: false }, bindings('10.6.0'))).toBe(false)
  expect(products(withBackend, bindings('10.6.0'))).toBe(false)
})

test('there is no fused attention where one of the GPUs does not compute it', () => {
  const attention = (...capabilities: string[]) => {
    const pair = pairUp(withBindings, [bindings('10.6.0')], capabilities)
    return Array.isArray(pair) ? pair : pair.attention
  }
  expect(attention('9.0', '8.0')).toBe('fused')
  expect(attention('9.0', '7.5')).toBe('standard')
})
