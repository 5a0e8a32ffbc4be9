import type { Finding, Rule } from './history.ts'

/** Lanes whose memory has run out and that compute batches in pieces since. */
export const inPieces: Rule = (history) =>
  (history.at(-1)?.lanes ?? []).flatMap(({ name, memoryTokens }): Finding[] => {
    if (memoryTokens === undefined) return []
    const message = `out of memory: ${name} computes batches of more than ${memoryTokens} tokens in pieces`
    return [{ code: 'out-of-memory', device: name, message, told: true }]
  })
