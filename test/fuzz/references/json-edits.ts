import fc from 'fast-check'

/** Values that readers of JSON stumble over. */
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 5e-324],
  ...[
    '',
    'x',
    '../x',
    '/etc/passwd',
    'a\0b',
    'a\nb',
    '__proto__',
    'constructor',
    'toString',
    '\ud800',
    '\u202e',
    '0'.repeat(64),
    'f'.repeat(64),
  ],
  ...[[], [[]], {}, { constructor: 1 }, JSON.parse('{"__proto__": {"x": 1}}'), 'y'.repeat(5000)],
]

type Step = readonly [kind: number, at: number, other: number, value: unknown]
type Node = Record<string, unknown> | unknown[]

/** Every place of a value: where it hangs, and under which key. */
function places(root: Node): [parent: Node, key: string][] {
  const found: [Node, string][] = []
  const open: Node[] = [root]
  for (let node = open.pop(); node !== undefined; node = open.pop())
    for (const [key, value] of Object.entries(node)) {
      found.push([node, key])
      if (typeof value === 'object' && value !== null) open.push(value as Node)
    }
  return found
}

function put(node: Node, key: string, value: unknown): void {
  Object.defineProperty(node, key, { value, enumerable: true, writable: true, configurable: true })
}

/** A key made of a value. */
function keyOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 40) : (JSON.stringify(value) ?? '').slice(0, 40)
}

const ACTS: readonly ((node: Node, key: string, value: unknown, other: [Node, string]) => void)[] = [
  (node, key, value) => put(node, key, value),
  (node, key) => void (Array.isArray(node) ? node.splice(Number(key), 1) : delete node[key]),
  (node, key, _, [from, name]) => put(node, key, structuredClone((from as Record<string, unknown>)[name])),
  (node, _, value) => void (Array.isArray(node) ? node.push(value) : put(node, keyOf(value), value)),
  (node, key, value) => {
    if (Array.isArray(node)) return
    put(node, keyOf(value), node[key])
    delete node[key]
  },
  (node, key) => {
    const known = (node as Record<string, unknown>)[key]
    const changed = typeof known === 'number' ? known + 1 : typeof known === 'string' ? `${known}x` : !known
    put(node, key, changed)
  },
]

/** Values with some changes: another value in a place, a key lost, moved, copied or added. */
export function edited(seeds: readonly object[]): fc.Arbitrary<unknown> {
  const value = fc.oneof(fc.constantFrom(...ODD), fc.jsonValue({ maxDepth: 2 }))
  const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(ACTS.length - 1), fc.nat(), fc.nat(), value)
  return fc.tuple(fc.nat(seeds.length - 1), fc.array(step, { maxLength: 4 })).map(([seed, steps]) => {
    const root = structuredClone(seeds[seed]) as Node
    for (const [kind, at, from, odd] of steps) {
      const all = places(root)
      if (all.length === 0) break
      const [node, key] = all[at % all.length]!
      ACTS[kind]!(node, key, structuredClone(odd), all[from % all.length]!)
    }
    return root
  })
}
