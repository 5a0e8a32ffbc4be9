import { randomSource } from './random.ts'

const SPECIALS = ['[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]']
const BASES = ['A', 'C', 'G', 'T']
const CORPUS_BASES = 20_000

/**
 * A tokenizer.json with the structure of DNABERT-S' and merges of its own: byte-pair encoding (Gage 1994;
 * Sennrich et al. 2016, arXiv:1508.07909) trained on random DNA.
 *
 * @param size tokens in all, special ones included
 */
export function randomTokenizer(seed: number, size: number): string {
  const random = randomSource(seed)
  let corpus = Array.from({ length: CORPUS_BASES }, () => BASES[Math.floor(random() * 4)]!)
  const tokens = [...SPECIALS, ...BASES]
  const merges: string[] = []
  while (tokens.length < size) {
    const pair = mostFrequentPair(corpus, new Set(tokens))
    merges.push(pair)
    tokens.push(pair.replace(' ', ''))
    corpus = merged(corpus, pair)
  }
  const special = (token: string) => ({ id: token, ids: [SPECIALS.indexOf(token)], tokens: [token] })
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIALS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: '[SEP]', type_id: 1 } },
      ],
      special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
    },
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '[UNK]',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  }
  return `${JSON.stringify(file, null, 1)}\n`
}

/** Of equally frequent pairs the first in the alphabet; pairs that would spell a token there is already are left out. */
function mostFrequentPair(corpus: readonly string[], known: ReadonlySet<string>): string {
  const counts = new Map<string, number>()
  for (let i = 1; i < corpus.length; i++) {
    const pair = `${corpus[i - 1]} ${corpus[i]}`
    counts.set(pair, (counts.get(pair) ?? 0) + 1)
  }
  let best = ''
  for (const [pair, count] of counts) {
    if (known.has(pair.replace(' ', ''))) continue
    const lead = count - (counts.get(best) ?? 0)
    if (lead > 0 || (lead === 0 && pair < best)) best = pair
  }
  return best
}

function merged(corpus: readonly string[], pair: string): string[] {
  const [left, right] = pair.split(' ')
  const out: string[] = []
  for (let i = 0; i < corpus.length; i++) {
    if (corpus[i] === left && corpus[i + 1] === right) {
      out.push(`${left}${right}`)
      i++
    } else out.push(corpus[i]!)
  }
  return out
}
