import type { WeightSource } from '../../torchfile/index.ts'

/**
 * Layer normalization's parameters were called gamma and beta in TensorFlow, and transformers 5 saves
 * them so again; the rest of the world says weight and bias.
 */
export function withUsualNames(source: WeightSource): WeightSource {
  const stored = new Map(source.names().map((name) => [usual(name), name]))
  const nameOf = (name: string) => stored.get(name) ?? name
  return {
    path: source.path,
    names: () => [...stored.keys()],
    get: (name) => source.get(nameOf(name)),
    read: (name) => source.read(nameOf(name)),
    readF32: (name) => source.readF32(nameOf(name)),
    stream: (name, options) => source.stream(nameOf(name), options),
    close: () => source.close(),
  }
}

function usual(name: string): string {
  return name
    .replace(/(layer_?norm(?:_after)?)\.gamma$/i, '$1.weight')
    .replace(/(layer_?norm(?:_after)?)\.beta$/i, '$1.bias')
}
