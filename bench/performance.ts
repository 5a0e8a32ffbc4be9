// Writes the tables of docs/reference/performance.md from the figures on record in bench/results.
//   bun bench/performance.ts [--check] [--page FILE]
// With --check it changes nothing, and exits with 1 where the page is not what the figures say.
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeAtomically } from '../src/system/atomic.ts'
import { allFigures, type Figure } from './figures.ts'
import { fail } from './result.ts'

const PAGE = join(resolve(import.meta.dir, '..'), 'docs/reference/performance.md')

type Cells = readonly string[]

/** A table: captions, whether a column holds numbers, rows. */
interface Table {
  readonly columns: Cells
  /** How many columns stand to the left, as text. */
  readonly texts: number
  readonly rows: readonly Cells[]
}

type Show = (name: string, digits?: number) => string

/** A run of `predict`: its figure, hardware and input. Those of several GPUs beside one are in the table of scaling. */
const RUNS = [
  [
    'predict.1m-reads.1xh200.seconds',
    '1 H200, server started by the run, FP8 with its recheck',
    1,
    1_000_000,
  ],
  ['gpu.setup.predict', '1 H200, server started by the run', 1, 60_000],
  ['h200.predict.1000000-reads.4-gpus', '4 H200', 4, 1_000_000],
  ['h100.predict.90000-reads.1-gpu', '1 H100', 1, 90_000],
] as const

/** Ways to compute: what they are called, and the figures of ESM-2 3B and of DNABERT-S. */
const WAYS = [
  ['the original: FP32, 2,048 tokens or one sequence at a time', 'original-fp32', 'original-fp32'],
  ["Broad's fork: BF16 autocast, 2,048 tokens", 'broad-bf16', undefined],
  ['the same with 16,384 tokens', 'broad-bf16-large-batches', undefined],
  ['PyTorch, BF16, fused attention', 'pytorch-sdpa-bf16', 'pytorch-sdpa-bf16'],
  ['PyTorch, BF16, `torch.compile`', 'pytorch-compile-bf16', 'pytorch-compile-bf16'],
  ['PyTorch, products in FP8, `torch.compile`', 'pytorch-fp8', undefined],
  ['**this program, BF16**', 'bf16.plan', 'bf16.plan'],
  ['**the same behind Triton**', 'bf16.server', 'bf16.server'],
  ['**this program, FP16**', 'fp16.plan', 'fp16.plan'],
  ['**this program, FP8**', 'fp8.plan', undefined],
  ['**layers of our own in FP8, behind Triton**', 'fp8.server', undefined],
] as const

/** Ways to compute on a processor. */
const ON_PROCESSORS = [
  ['**this program, INT8**', 'int8'],
  ['**this program, FP32**', 'fp32'],
  ['ONNX Runtime from Python, FP32', 'onnxruntime-python-fp32'],
  ['fair-esm, FP32, as the original', 'fair-esm-fp32'],
  ['transformers, FP32', 'transformers-fp32'],
  ["transformers, BF16, as Broad's fork on a GPU", 'transformers-bf16'],
] as const

const TABLES: Readonly<Record<string, (figures: ReadonlyMap<string, Figure>, show: Show) => Table>> = {
  time: (figures, show) => ({
    columns: ['hardware', 'input', 'time', 'GPU-hours for a million reads'],
    texts: 2,
    rows: RUNS.map(([name, hardware, gpus, reads]) => [
      hardware,
      `${thousands(reads)} reads of 300 bases`,
      `${show(name, 1)} s`,
      (((required(figures, name).value * gpus) / 3600 / reads) * 1e6).toFixed(2),
    ]),
  }),
  others: (figures, show) => ({
    columns: [
      'tokens per second',
      ...['ESM-2 3B, H200: 51 tokens', '168 tokens', 'H100: 51 tokens', '168 tokens'],
      ...['DNABERT-S, H200: 40 tokens', '110 tokens'],
    ],
    texts: 1,
    rows: WAYS.map(([what, esm, dnabert]) => [
      what,
      ...['esm2-3b', 'h100.esm2-3b'].flatMap((model) => [51, 168].map((n) => `${model}.${esm}.${n}`)),
      ...[40, 110].map((n) => `dnabert-s.${dnabert}.${n}`),
    ]).map(([what = '', ...names]) => [
      what,
      ...names.map((name) => (figures.has(name) ? show(name, 0) : '')),
    ]),
  }),
  processors: (figures, show) => ({
    columns: ['tokens per second', 'with AVX-512: 1 core', '2 cores', 'with AVX2 alone: 1 core', '2 cores'],
    texts: 1,
    rows: ON_PROCESSORS.map(([what, way]) => [
      what,
      ...['cpu', 'cpu-avx2'].flatMap((machine) =>
        ['1-core', '2-cores']
          .map((cores) => `${machine}.8m.${way}.${cores}`)
          .map((name) => (figures.has(name) ? show(name, 0) : '')),
      ),
    ]),
  }),
  scaling: (_, show) => ({
    columns: ['', '1 GPU', '2 GPUs', '', '4 GPUs', ''],
    texts: 1,
    rows: [
      ...['esm2-3b', 'dnabert-s'].map((model) => {
        const of = (gpus: string) => `h200.scaling.${model}.${gpus}`
        const times = (gpus: string) => `× ${show(`${of(gpus)}.over-one`, 3)}`
        const tokens = (gpus: string) => `${show(of(gpus), 0)} tok/s`
        return [
          `${LABELS[model]}, H200`,
          ...[tokens('1-gpu'), tokens('2-gpus'), times('2-gpus'), tokens('4-gpus'), times('4-gpus')],
        ]
      }),
      ...['esm2-3b', 'dnabert-s'].map((model) => {
        const of = `h100.scaling.${model}`
        const [one, two] = ['1-gpu', '2-gpus'].map((gpus) => `${show(`${of}.${gpus}`, 0)} tok/s`)
        return [`${LABELS[model]}, H100`, one!, two!, `× ${show(`${of}.2-gpus.over-one`, 3)}`, '', '']
      }),
      [
        '`predict`, 120,000 reads, H200',
        ...[`${show('h200.predict.120000-reads.1-gpu', 1)} s`, '', ''],
        ...[`${show('h200.predict.120000-reads.4-gpus', 1)} s`],
        `× ${show('h200.predict.120000-reads.4-gpus.over-one', 2)}`,
      ],
      [
        '`predict`, 90,000 reads, H100',
        ...['1-gpu', '2-gpus'].map((gpus) => `${show(`h100.predict.90000-reads.${gpus}`, 1)} s`),
        ...[`× ${show('h100.predict.90000-reads.2-gpus.over-one', 2)}`, '', ''],
      ],
    ],
  }),
  own: (_, show) => ({
    columns: ['30 million bases of', 'time', 'processor time', 'peak memory'],
    texts: 1,
    rows: [
      ['reads of 150', 'reads'],
      ['contigs of 1,000 to 20,000', 'contigs'],
      ['half of each', 'both'],
    ].map(([what = '', kind]) => {
      const of = (name: string) => `pipeline.${kind}.30-million-bases.${name}`
      return [
        what,
        ...[`${show(of('seconds'), 1)} s`, `${show(of('processor-time'), 1)} s`],
        `${show(of('peak-memory'), 0)} MB`,
      ]
    }),
  }),
}

const LABELS: Readonly<Record<string, string>> = { 'esm2-3b': 'ESM-2 3B', 'dnabert-s': 'DNABERT-S' }

function thousands(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function required(figures: ReadonlyMap<string, Figure>, name: string): Figure {
  const figure = figures.get(name)
  if (figure === undefined) throw new Error(`bench/results has no figure ${name}`)
  return figure
}

function markdown({ columns, texts, rows }: Table): string {
  const line = (cells: Cells) =>
    `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |').replaceAll('|  |', '| |')
  const rule = columns.map((_, at) => (at < texts ? '---' : '---:'))
  return [columns, rule, ...rows].map(line).join('\n')
}

const BLOCK = /(<!-- figures: ([a-z]+) -->\n).*?(<!-- end -->)/gs

/** A page with its tables made again. @throws Error for a table that nobody knows, or a figure that is not on record */
async function withTables(text: string): Promise<string> {
  const figures = await allFigures()
  const show: Show = (name, digits) => thousands(required(figures, name).value, digits)
  return text.replace(BLOCK, (_, begin: string, name: string, end: string) => {
    const table = TABLES[name]
    if (table === undefined) throw new Error(`there is no table ${name}`)
    return `${begin}${markdown(table(figures, show))}\n${end}`
  })
}

try {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, page: { type: 'string' } } })
  const page = values.page ?? PAGE
  const before = await readFile(page, 'utf8')
  const after = await withTables(before)
  if (values.check !== true) await writeAtomically(page, after)
  else if (after !== before) {
    console.error(`error: ${page} is not what bench/results says: run bun bench/performance.ts`)
    process.exitCode = 1
  }
} catch (error) {
  fail((error as Error).message)
}
