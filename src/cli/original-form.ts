import type { Given } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'

/** The original is called as `FILE LENGTH MODEL`: exactly three words, the second a whole number. */
export function isOriginalForm(words: readonly string[]): boolean {
  return words.length === 3 && /^\d+$/.test(words[1] ?? '')
}

/** Adds the words without an option to the flags: the original's three, or input files. */
export function placeWords(words: readonly string[], flags: Map<string, Given>): void {
  const [file = '', length = '', model = ''] = words
  const isOriginal = isOriginalForm(words)
  if (words.length > 0) {
    const more = flags.get('input')?.value
    flags.set('input', {
      value: [...(isOriginal ? [file] : words), ...(Array.isArray(more) ? more : [])],
      origin: { kind: 'argument', name: isOriginal ? 'FILE' : 'INPUT' },
    })
  }
  if (!isOriginal) return
  setOnce(flags, 'expectedLength', 'LENGTH', length)
  setOnce(flags, 'modelPath', 'MODEL', model)
}

function setOnce(flags: Map<string, Given>, setting: string, name: string, value: string): void {
  const flag = flags.get(setting)
  if (flag !== undefined && flag.value !== value)
    throw new UsageError(
      `${name} ${value} and ${flag.origin.name} ${flag.value} contradict each other; keep one`,
    )
  flags.set(setting, { value, origin: { kind: 'argument', name } })
}
