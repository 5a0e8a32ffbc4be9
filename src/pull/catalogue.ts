import { LICENCES, PUBLISHED_ESM2 } from '../bundle/index.ts'

/** A model that can be pulled: one file at an address, or a repository of a hub. */
export interface Pullable {
  /** As it is named on a command line. */
  readonly name: string
  /** The option of an import that takes it: short name of the model, or the chunk length of a classifier. */
  readonly use: 'esm' | 'dnabert' | '300' | '500'
  readonly licence: string
  /** Name of the file or folder below the folder of weights. */
  readonly place: string
  /** Where the one file is published. */
  readonly url?: string
  /** `owner/name` on Hugging Face. Where there is a `url` too, its cache is looked into only. */
  readonly repository?: string
  /** Files of the repository that are needed beside the weights. */
  readonly beside: readonly string[]
}

const META = 'https://dl.fbaipublicfiles.com/fair-esm/models'
const ORIGINAL = 'https://github.com/Li-Jing-1997/VirNucPro/raw/HEAD'

type Esm2Size = keyof typeof PUBLISHED_ESM2

function esm2(size: Esm2Size): Pullable[] {
  const published = `esm2_t${PUBLISHED_ESM2[size].layers}_${size}_UR50D`
  const repository = `facebook/${published}`
  const common = { use: 'esm', licence: LICENCES.esm2, repository, beside: ['config.json'] } as const
  const url = `${META}/${published}.pt`
  return [
    { ...common, name: `esm2:${size}`, place: `${published}.pt`, url },
    { ...common, name: repository, place: published },
  ]
}

function classifier(use: '300' | '500'): Pullable {
  const place = `${use}_model.pth`
  return { name: use, use, licence: LICENCES.mlp, place, url: `${ORIGINAL}/${place}`, beside: [] }
}

export const PULLABLES: readonly Pullable[] = [
  ...(Object.keys(PUBLISHED_ESM2) as Esm2Size[]).flatMap(esm2),
  {
    name: 'dnabert_s',
    use: 'dnabert',
    licence: LICENCES.dnabert_s,
    place: 'DNABERT-S',
    repository: 'zhihan1996/DNABERT-S',
    beside: ['config.json', 'tokenizer.json'],
  },
  classifier('300'),
  classifier('500'),
]

/** What the published classifiers were trained with, and they. */
export const USUAL = ['esm2:3B', 'dnabert_s', '300', '500'] as const

/** What a word means: a name, `esm2` alone, a repository, or the name of a published file or folder. */
export function pullable(word: string): Pullable | undefined {
  const wanted = (word === 'esm2' ? 'esm2:3B' : word).toLowerCase()
  return PULLABLES.find(({ name, place, repository = name, url }) =>
    [name, place, ...(url === undefined ? [repository] : [])].some((each) => each.toLowerCase() === wanted),
  )
}
