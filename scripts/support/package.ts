import manifest from '../../package.json' with { type: 'json' }

type Target = string | { types: string; bun?: string; default: string }

const exported: Readonly<Record<string, Target>> = manifest.exports

/** The TypeScript of every subpath that is code, relative to the checkout. */
export const subpathSources: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(exported).flatMap(([subpath, target]) =>
    typeof target === 'string'
      ? []
      : [[subpath, target.types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')]],
  ),
)

/** Subpaths that run under Bun alone. */
export const NEEDS_BUN: readonly string[] = Object.entries(exported).flatMap(([subpath, target]) =>
  typeof target !== 'string' && target.bun !== undefined ? [subpath] : [],
)
