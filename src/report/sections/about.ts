import { bytes, duration, integer, plural } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { rest, table } from '../parts.ts'
import type { Summary } from '../summary.ts'
import type { Timeline } from '../timeline.ts'

const SHOWN = 200

/** All that a reader should know before believing the rest. */
export function warnings(summary: Summary, timeline: Timeline | undefined): Markup {
  const { counts, failures } = summary
  const seen = grouped(timeline)
  const own = said(summary, new Set(seen.map(({ message }) => message))) ?? [
    ...(counts.skippedRecords > 0
      ? [
          `${plural(counts.skippedRecords, 'invalid record')} left out; ${summary.files.invalidRecords ?? 'a table beside the results'} lists each with the reason.`,
        ]
      : []),
    ...(counts.frames === 0
      ? ['No chunk has an open reading frame: the tables hold their headers only.']
      : []),
  ]
  const quiet = own.length + seen.length + failures.length === 0
  return html`<h2>Warnings</h2>
${quiet && html`<p>None.</p>`}
${own.length > 0 && html`<ul>${own.slice(0, SHOWN).map((text) => html`<li>${text}</li>`)}</ul>`}
${rest(SHOWN, own.length, 'summary.json')}
${summary.time.continued && html`<p class="soft">The run was continued: these are the warnings of its last start.</p>`}
${
  failures.length > 0 &&
  html`<p>${plural(counts.failedParts, 'part')} of ${integer(counts.parts)} failed; ${plural(counts.failedFrames, 'frame')} are missing from the tables. The same command computes only what is missing.</p>
${table(
  'Failed parts',
  [
    { name: 'Part', kind: 'number' },
    { name: 'Step' },
    { name: 'Frames', kind: 'number' },
    { name: 'Reason', kind: 'path' },
  ],
  failures.slice(0, SHOWN).map(({ part, step, frames, reason }) => [part, step, integer(frames), reason]),
)}
${rest(SHOWN, failures.length, 'summary.json')}`
}
${
  seen.length > 0 &&
  html`${table(
    'Warnings of the monitor',
    [
      { name: 'After', kind: 'number' },
      { name: 'Times', kind: 'number' },
      { name: 'Warning', kind: 'path' },
    ],
    seen.slice(0, SHOWN).map(({ seconds, times, message }) => [duration(seconds), integer(times), message]),
  )}
${rest(SHOWN, seen.length, 'metrics.jsonl')}`
}
`
}

/** The warnings of the run that no table below holds; undefined where the summary has none, being an old one. */
function said({ warnings: all, failures }: Summary, tabled: ReadonlySet<string>): string[] | undefined {
  const failed = failures.map(({ part }) => `part ${part} failed: `)
  return all?.filter((text) => !tabled.has(text) && !failed.some((start) => text.startsWith(start)))
}

/** Equal warnings once, with the time of the first. */
function grouped(timeline: Timeline | undefined) {
  const byText = new Map<string, { seconds: number; times: number; message: string }>()
  for (const { seconds, message } of timeline?.warnings ?? []) {
    const known = byText.get(message)
    if (known === undefined) byText.set(message, { seconds, times: 1, message })
    else known.times++
  }
  return [...byText.values()]
}

/** What went in and what came out of each step. */
export function steps({ counts, computed }: Summary): Markup {
  const rows: [string, string, string][] = [
    [
      'Reading',
      plural(counts.records, 'record'),
      `${plural(counts.bases, 'base')}; ${integer(counts.skippedRecords)} records left out`,
    ],
    [
      'Cutting',
      plural(counts.chunks, 'chunk'),
      `${integer(counts.chunksWithoutFrame)} without an open frame`,
    ],
    [
      'Translation',
      plural(counts.frames, 'open frame'),
      counts.framesDoneBefore > 0 ? `${integer(counts.framesDoneBefore)} done by an earlier start` : '',
    ],
    [
      'DNABERT-S',
      plural(computed.dnabert_s.sequences, 'different sequence'),
      `${integer(computed.dnabert_s.tokens)} tokens`,
    ],
    [
      'ESM-2',
      plural(computed.esm2.sequences, 'different sequence'),
      `${integer(computed.esm2.tokens)} tokens`,
    ],
    ...(counts.adoptedSequences > 0
      ? [
          ['Taken over', plural(counts.adoptedSequences, 'embedding'), 'of an old run'] as [
            string,
            string,
            string,
          ],
        ]
      : []),
    [
      'Classifier',
      plural(counts.scoredFrames, 'scored frame'),
      `${integer(counts.viralFrames)} viral; ${integer(counts.failedFrames)} failed`,
    ],
    ['Calls', plural(counts.calledChunks, 'called chunk'), `${integer(counts.viralChunks)} viral`],
  ]
  return html`<div><h3>Steps</h3>
${table('Steps', [{ name: 'Step' }, { name: 'Gave', kind: 'number' }, { name: 'Remarks' }], rows)}</div>
`
}

export function settings(summary: Summary): Markup {
  const rows = Object.entries(summary.settings)
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) =>
        [name, html`<code>${typeof value === 'string' ? value : JSON.stringify(value)}</code>`] as const,
    )
  const about = [
    ['Program', `${summary.program.name} ${summary.program.version}`],
    ['Models', summary.models.name],
    ['Digest of the models', html`<code>${summary.models.digest}</code>`],
    ['Backend', summary.models.backend],
    ...(summary.servers ?? []).map(
      ({ address, program, esm2, dnabert_s }) =>
        [
          `Server ${address}`,
          [program ?? 'unknown', `ESM-2: ${served(esm2)}`, `DNABERT-S: ${served(dnabert_s)}`].join('; '),
        ] as const,
    ),
    ['Start', summary.time.start],
    ['End', summary.time.end],
  ] as const
  return html`<div><h3>Program and models</h3>
${table('Program and models', [{ name: 'What' }, { name: 'Value', kind: 'path' }], about)}</div>
<div><h3>Settings</h3>
${table('Settings', [{ name: 'Setting' }, { name: 'Value', kind: 'path' }], rows)}</div>
`
}

function served(model: NonNullable<Summary['servers']>[number]['esm2']): string {
  return model === null
    ? 'not stated'
    : `${model.precision}, digest ${model.digest}, version ${model.version}`
}

export function inputs(summary: Summary): Markup {
  const rows = summary.inputs
    .slice(0, SHOWN)
    .map(({ path, bytes: size, sha256 }) => [
      path === '-' ? 'standard input' : path,
      size === null ? 'unknown' : bytes(size),
      sha256 === null ? 'unknown' : html`<code>${sha256}</code>`,
    ])
  return html`<h2>Inputs</h2>
${table(
  'Inputs',
  [
    { name: 'File', kind: 'path' },
    { name: 'Size', kind: 'number' },
    { name: 'SHA-256', kind: 'path' },
  ],
  rows,
)}
${rest(SHOWN, summary.inputs.length, 'summary.json')}
`
}
