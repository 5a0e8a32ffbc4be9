import { FEATURE_ORDER, MODEL_NAMES, MODELS } from '../../bundle/index.ts'
import { bytes, duration, integer, plural } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { number, path, rest, table } from '../parts.ts'
import type { ServedModel, Summary } from '../summary.ts'
import type { Timeline } from '../timeline.ts'

const SHOWN = 200

/** All that a reader should know before believing the rest. */
export function warnings(summary: Summary, timeline: Timeline | undefined): Markup {
  const { counts, failures, files } = summary
  const seen = grouped(timeline)
  const own = said(summary, new Set(seen.map(({ message }) => message))) ?? inferred(summary)
  const quiet = own.length + seen.length + failures.length === 0
  if (quiet)
    return html`<p class="soft">Warnings: none.</p>
`
  return html`<h2>Warnings</h2>
${own.length > 0 && html`<ul>${own.slice(0, SHOWN).map((text) => html`<li>${text}</li>`)}</ul>`}
${rest(SHOWN, own.length, 'summary.json')}
${summary.time.continued && html`<p class="soft">The run was continued: these are the warnings of its last start.</p>`}
${
  failures.length > 0 &&
  html`<p>${plural(counts.failedParts, 'part')} of ${integer(counts.parts)} failed; ${plural(counts.failedFrames, 'frame')} are missing from the tables${typeof files.failedFrames === 'string' && html`: <code>${files.failedFrames}</code> lists them`}. The same command computes only what is missing.</p>
${table(
  'Failed parts',
  [number('Part'), 'Step', number('Frames'), path('Reason')],
  failures.slice(0, SHOWN).map(({ part, step, frames, reason }) => [part, step, integer(frames), reason]),
)}
${rest(SHOWN, failures.length, 'summary.json')}`
}
${
  seen.length > 0 &&
  html`${table(
    'Warnings of the monitor',
    [number('After'), number('Times'), path('Warning')],
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

/** What an old summary says of it. */
function inferred({ counts, files }: Summary): string[] {
  const list = files.invalidRecords ?? 'a table beside the results'
  const skipped = `${plural(counts.skippedRecords, 'invalid record')} left out; ${list} lists each with the reason.`
  return [
    ...(counts.skippedRecords > 0 ? [skipped] : []),
    ...(counts.frames === 0
      ? ['No chunk has an open reading frame: the tables hold their headers only.']
      : []),
  ]
}

/** Equal warnings once, with the time of the first. */
function grouped(timeline: Timeline | undefined) {
  const byText = Map.groupBy(timeline?.warnings ?? [], ({ message }) => message)
  return [...byText].map(([message, all]) => ({ message, times: all.length, seconds: all[0]!.seconds }))
}

/** What went in and what came out of each step. */
export function steps({ counts, computed }: Summary): Markup {
  const before =
    counts.framesDoneBefore > 0 ? `${integer(counts.framesDoneBefore)} done by an earlier start` : ''
  const rows = [
    [
      'Reading',
      plural(counts.records, 'record'),
      `${plural(counts.bases, 'base')}; ${integer(counts.skippedRecords)} records left out as invalid, ${integer(counts.filteredRecords)} filtered`,
    ],
    [
      'Cutting',
      plural(counts.chunks, 'chunk'),
      `${integer(counts.chunksWithoutFrame)} without an open frame`,
    ],
    ['Translation', plural(counts.frames, 'open frame'), before],
    ...FEATURE_ORDER.map((model) => [
      MODELS[model].label,
      plural(computed[model].sequences, 'different sequence'),
      `${integer(computed[model].tokens)} tokens${spared(computed[model])}`,
    ]),
    ['Taken over', plural(counts.adoptedSequences, 'embedding'), 'of an old run'],
    [
      'Classifier',
      plural(counts.scoredFrames, 'scored frame'),
      `${integer(counts.viralFrames)} viral; ${integer(counts.failedFrames)} failed`,
    ],
    ['Calls', plural(counts.calledChunks, 'called chunk'), `${integer(counts.viralChunks)} viral`],
  ].filter(([step]) => step !== 'Taken over' || counts.adoptedSequences > 0)
  return html`<div><h3>Steps</h3>
${table('Steps', ['Step', number('Gave'), 'Remarks'], rows)}</div>
`
}

/** What was not computed, since another sequence is the same. */
function spared({ sharedSequences, reusedSequences }: Summary['computed']['esm2']): string {
  if (sharedSequences + reusedSequences === 0) return ''
  return `; ${integer(sharedSequences)} more equal to one of their window, ${integer(reusedSequences)} reused from earlier windows`
}

export function settings(summary: Summary): Markup {
  const rows = Object.entries(summary.settings)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [
      name,
      html`<code>${typeof value === 'string' ? value : JSON.stringify(value)}</code>`,
    ])
  const servers = (summary.servers ?? []).map(({ address, program, ...models }) => {
    const hosted = MODEL_NAMES.map((model) => `${MODELS[model].label}: ${served(models[model])}`)
    return [`Server ${address}`, [program ?? 'unknown', ...hosted].join('; ')]
  })
  const { classifier, why } = summary.models
  const about = [
    ['Program', `${summary.program.name} ${summary.program.version}`],
    ['Models', summary.models.name],
    ['Digest of the models', html`<code>${summary.models.digest}</code>`],
    ...(classifier === undefined ? [] : [['Classifier', describeClassifier(classifier)]]),
    ['Backend', summary.models.backend],
    ...(why === undefined ? [] : [['Chosen, since', why]]),
    ...servers,
    ['Start', summary.time.start],
    ['End', summary.time.end],
  ]
  return html`<div><h3>Program and models</h3>
${table('Program and models', ['What', path('Value')], about)}</div>
<div><h3>Settings</h3>
${table('Settings', ['Setting', path('Value')], rows)}</div>
`
}

function describeClassifier({
  name,
  sha256,
  chunkLength,
}: NonNullable<Summary['models']['classifier']>): Markup {
  const made = chunkLength === null ? 'unknown chunk length' : `chunks of ${chunkLength} bases`
  return html`${name}, for ${made}; SHA-256 <code>${sha256}</code>`
}

function served(model: ServedModel): string {
  return model === null
    ? 'not stated'
    : `${model.precision}, digest ${model.digest}, version ${model.version}`
}

export function inputs(summary: Summary): Markup {
  const rows = summary.inputs
    .slice(0, SHOWN)
    .map(({ path: file, bytes: size, sha256 }) => [
      file === '-' ? 'standard input' : file,
      size === null ? 'unknown' : bytes(size),
      sha256 === null ? 'unknown' : html`<code>${sha256}</code>`,
    ])
  return html`<h2>Inputs</h2>
${table('Inputs', [path('File'), number('Size'), path('SHA-256')], rows)}
${rest(SHOWN, summary.inputs.length, 'summary.json')}
`
}
