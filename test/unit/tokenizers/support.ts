/** Small tokenizer files made by training on seeded text, in the shape that DNABERT-2's has. */

export interface TokenizerJson {
  [key: string]: unknown
  added_tokens: { id: number; content: string; [key: string]: unknown }[]
  post_processor: Record<string, unknown>
  model: {
    type: string
    vocab: Record<string, number>
    merges: (string | [string, string])[]
    [key: string]: unknown
  }
}

const SPECIAL = ['[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]']

/** A tokenizer.json over the given letters; merges are pairs of texts, in order of rank. */
export function tokenizerJson(
  letters: string,
  merges: readonly (readonly [string, string])[],
): TokenizerJson {
  const tokens = [...new Set([...SPECIAL, ...letters, ...merges.map((pair) => pair.join(''))])]
  const special = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
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
      single: [special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')],
      pair: [special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [2], tokens: ['[SEP]'] },
      },
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
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  }
}

/** Merges as byte-pair training finds them in a text: again and again the most frequent pair of neighbours. */
export function trainMerges(text: string, count: number): [string, string][] {
  const merges: [string, string][] = []
  let tokens = [...text]
  while (merges.length < count) {
    const seen = new Map<string, number>()
    for (let i = 1; i < tokens.length; i++) {
      const pair = `${tokens[i - 1]} ${tokens[i]}`
      seen.set(pair, (seen.get(pair) ?? 0) + 1)
    }
    const best = [...seen].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0])[0]
    if (best === '') break
    const [left, right] = best.split(' ') as [string, string]
    merges.push([left, right])
    const next: string[] = []
    for (let i = 0; i < tokens.length; i++) {
      if (tokens[i] === left && tokens[i + 1] === right) next.push(left + tokens[++i])
      else next.push(tokens[i]!)
    }
    tokens = next
  }
  return merges
}
