export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Family {
  type: string
  help: string
  samples: Sample[]
}

const SUFFIXES: Readonly<Record<string, string>> = { counter: '_total', gauge: '', info: '_info' }

/**
 * Reads OpenMetrics text as strictly as its specification asks for what a run writes: each family once, with its metadata
 * before its samples, names and labels well-formed, suffixes by type, and `# EOF` last.
 *
 * @throws naming the line
 */
export function families(text: string): Map<string, Family> {
  if (!text.endsWith('\n# EOF\n')) throw new Error('the text does not end with "# EOF"')
  const found = new Map<string, Family>()
  let name = ''
  const seen = new Set<string>()
  for (const line of text.slice(0, -'\n# EOF\n'.length).split('\n')) {
    const wrong = (what: string) => new Error(`${what}: ${line}`)
    const [, keyword, about = '', rest = ''] = /^# (TYPE|HELP) ([a-z_:][a-z0-9_:]*) (.+)$/.exec(line) ?? []
    if (keyword === 'TYPE') {
      if (found.has(about)) throw wrong('a family twice')
      if (!(rest in SUFFIXES)) throw wrong('an unknown type')
      found.set(about, { type: rest, help: '', samples: [] })
      name = about
      continue
    }
    const family = found.get(name)
    if (family === undefined) throw wrong('no type before')
    if (keyword === 'HELP') {
      if (about !== name || family.samples.length > 0) throw wrong('help in the wrong place')
      family.help = rest
      continue
    }
    const [, sample = '', labels = '', value = ''] =
      /^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
        line,
      ) ?? []
    if (sample !== name + SUFFIXES[family.type]) throw wrong('not a sample of the family')
    if (seen.has(sample + labels)) throw wrong('a sample twice')
    seen.add(sample + labels)
    const pairs = [...labels.matchAll(/([a-z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
      key,
      text.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter)),
    ])
    const number = Number(value)
    if (family.type === 'counter' && number < 0) throw wrong('a counter below zero')
    family.samples.push({ name: sample, labels: Object.fromEntries(pairs), value: number })
  }
  return found
}
