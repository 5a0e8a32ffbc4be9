import { printable } from '../system/printable.ts'
import type { Finding, Verdict } from './finding.ts'
import { VERDICTS } from './finding.ts'

const COLOURS: Readonly<Record<Verdict, number>> = { ok: 32, warning: 33, problem: 31 }
const GAP = 2

/** The worst verdict of all findings. */
export function worst(findings: readonly Finding[]): Verdict {
  const ranks = findings.map(({ verdict }) => VERDICTS.indexOf(verdict))
  return VERDICTS[Math.max(0, ...ranks)] ?? 'ok'
}

/**
 * Lines for a terminal or a file: verdict, check and result, and the remedy below.
 *
 * @param columns room for a line
 */
export function renderFindings(
  findings: readonly Finding[],
  { columns = 100, colours = false }: { columns?: number; colours?: boolean } = {},
): string {
  const verdictWidth = Math.max(...VERDICTS.map((verdict) => verdict.length)) + GAP
  const titleWidth = Math.max(0, ...findings.map(({ title }) => title.length)) + GAP
  const indent = ' '.repeat(verdictWidth + titleWidth)
  const room = Math.max(30, columns - indent.length)
  const lines = findings.flatMap(({ verdict, title, text, remedy }) => {
    const mark = verdict.padEnd(verdictWidth)
    const coloured = colours ? `\x1b[${COLOURS[verdict]}m${mark}\x1b[0m` : mark
    const said = [printable(text), ...(remedy === undefined ? [] : [`→ ${printable(remedy)}`])]
    const [first = '', ...rest] = said.flatMap((each) => Bun.wrapAnsi(each, room).split('\n'))
    return [`${coloured}${title.padEnd(titleWidth)}${first}`, ...rest.map((each) => indent + each)]
  })
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}
