import { randomSource } from './random.ts'

/** Records of random DNA; without T no frame of either strand has a stop codon, so that all six are open. */
export function randomFasta(seed: number, records: number, longest = 300): string {
  const next = randomSource(seed)
  let text = ''
  for (let i = 0; i < records; i++) {
    const length = longest / 5 + Math.floor(next() * 0.8 * longest)
    text += `>r${i}\n${Array.from({ length }, () => 'ACG'[Math.floor(next() * 3)]).join('')}\n`
  }
  return text
}
