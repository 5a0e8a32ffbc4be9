import { type Content, records, repeated, SILENT } from './support.ts'

/** An input of `predict` at any size. */
export interface GrowingInput {
  readonly name: string
  /** Options besides those of the place. */
  readonly words: readonly string[]
  readonly content: (size: number) => Content
  /** Of the short test, which takes four times as much as well. */
  readonly size: number
  /** Bytes of memory for each of what `size` counts. */
  readonly bytesEach: number
  /** Size of the long test. */
  readonly full: number
  readonly code: number
}

const ONE = '>one\n'

function* after(head: string, content: Content): Content & Generator<Uint8Array | string> {
  yield head
  yield* content
  yield '\n'
}

export const GROWING: readonly GrowingInput[] = [
  {
    name: 'records of 20 bases',
    words: [],
    content: (size) => records(size, (n) => `>r${n}\n${SILENT}\n`),
    size: 150_000,
    bytesEach: 80,
    full: 10_000_000,
    code: 0,
  },
  {
    name: 'records of 300 bases',
    words: [],
    content: (size) => records(size, (n) => `>r${n}\n${SILENT.repeat(15)}\n`),
    size: 20_000,
    bytesEach: 80,
    full: 10_000_000,
    code: 0,
  },
  {
    name: 'records that are left out',
    words: ['--on-invalid', 'skip'],
    content: (size) => records(size, (n) => `>r${n}\nMEEPQSDPSVEPPLSQETFSDLWKLLPENNVLSPLPS\n`),
    size: 200_000,
    bytesEach: 0,
    full: 10_000_000,
    code: 0,
  },
  {
    name: 'records with the same id',
    words: ['--duplicate-ids', 'suffix'],
    content: (size) => records(size, () => `>same\n${SILENT}\n`),
    size: 90_000,
    bytesEach: 80,
    full: 1_000_000,
    code: 0,
  },
  {
    name: 'descriptions of a megabyte',
    words: [],
    content: (size) => records(size, (n) => `>r${n} ${'word '.repeat(200_000)}\n${SILENT}\n`),
    // With fewer, the collector has not had its first turn, and how late it comes says nothing.
    size: 300,
    bytesEach: 0,
    full: 1000,
    code: 0,
  },
  {
    name: 'bases of a record, in one line',
    words: [],
    content: (size) => after(ONE, repeated(SILENT, size)),
    size: 3e7,
    bytesEach: 2.5,
    full: 1e9,
    code: 0,
  },
  {
    name: 'bases of a record, in lines of 60',
    words: [],
    content: (size) => after(ONE, repeated(`${SILENT.repeat(3)}\n`, size)),
    size: 3e7,
    bytesEach: 2.5,
    full: 1e9,
    code: 0,
  },
  {
    name: 'bytes of a header',
    words: ['--on-invalid', 'skip'],
    content: (size) => after('>', repeated('header', size)),
    size: 6e7,
    bytesEach: 0,
    full: 1e8,
    code: 0,
  },
  {
    name: 'blank lines',
    words: [],
    content: (size) => repeated('\n', size),
    size: 6e7,
    bytesEach: 0,
    full: 1e9,
    code: 65,
  },
]
