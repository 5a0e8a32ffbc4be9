import { expect } from 'bun:test'
import fc from 'fast-check'
import { TorchFileError } from '../../../src/torchfile/index.ts'
import { PickleHost } from '../../../src/torchfile/pickle-host.ts'
import { PickleReader } from '../../../src/torchfile/pickle-reader.ts'
import { mutated } from '../mutations.ts'
import { referenceOf, seedsOf } from '../references/programs.ts'
import { LargeValue, Shape } from '../references/shape.ts'
import type { Target } from '../target.ts'

/** Words of the format: calls, references, lengths that lie, and what pushes and pops. */
const TOKENS = [
  'cos\nsystem\n',
  'cbuiltins\neval\n',
  'ccollections\nOrderedDict\n',
  'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch\nFloatStorage\n',
  'R',
  'b',
  'o',
  '\x81',
  '\x92',
  'Q',
  'P1\n',
  '(',
  '0',
  '1',
  '2',
  't',
  '\x85',
  '\x86',
  '\x87',
  ']',
  '}',
  ')',
  '\x8f',
  'a',
  'e',
  's',
  'u',
  '\x90',
  '\x91',
  'h\x00',
  'q\x00',
  'g0\n',
  'p0\n',
  '\x94',
  'r\xff\xff\xff\xff',
  'p-1\n',
  'p99999999999999999999\n',
  'I01\n',
  'I00\n',
  'I010\n',
  'I0x1f\n',
  'I-0\n',
  'L010L\n',
  'L5\n',
  'L5LL\n',
  'F1\n',
  'F1e999\n',
  'F-inf\n',
  'F.5\n',
  'F 1\n',
  'F1_0\n',
  'K\x01',
  'M\x01\x00',
  'J\xff\xff\xff\xff',
  '\x8a\x01\xff',
  '\x8a\x00',
  '\x8b\xff\xff\xff\x7f',
  '\x8b\x00\x00\x00\x80',
  'G\x7f\xf0\x00\x00\x00\x00\x00\x00',
  'X\x01\x00\x00\x00a',
  'X\xff\xff\xff\xff',
  '\x8c\x02\xc3\x28',
  '\x8d\xff\xff\xff\xff\xff\xff\xff\xff',
  'U\x01a',
  'T\xff\xff\xff\xff',
  'C\x01a',
  '\x8e\xff\xff\xff\xff\xff\xff\xff\x7f',
  '\x96\x00\x00\x00\x00\x00\x00\x00\x80',
  '\x95\x00\x00\x00\x00\x00\x00\x00\x00',
  '\x80\x05',
  '\x80\x06',
  '.',
  'N',
  '\x88',
  '\x89',
  '\x93',
  '\x97',
  '\x98',
  '\x82\x01',
].map((token) => Buffer.from(token, 'latin1'))

interface Outcome {
  readonly text: string
  /** Behind the last byte that was read. */
  readonly end: number
}

function ours(bytes: Uint8Array): Outcome | TorchFileError | LargeValue {
  const host = new PickleHost('mutant', {}, (storage) => storage)
  try {
    const reader = new PickleReader(bytes, host)
    const value = reader.read()
    return { end: reader.position, text: new Shape().text(value) }
  } catch (error) {
    if (error instanceof TorchFileError || error instanceof LargeValue) return error
    throw error
  }
}

export const target: Target = {
  name: 'pickle',
  about:
    "pickles of protocol 0 to 5: the values of Python's own unpickler, or a TorchFileError; no name is looked up, nothing is run",
  weight: 3,
  property() {
    const reference = referenceOf('pickles.py')
    const mutants = mutated(seedsOf('pickles.py'), { tokens: TOKENS, mostBytes: 8192 })
    return fc.asyncProperty(mutants, async ({ bytes }) => {
      const [found, wanted] = [ours(bytes), await reference(bytes)]
      if (wanted === 'unknown') return
      if (found instanceof Error) {
        expect(found.message.length).toBeLessThan(2000)
        return
      }
      expect(`ok ${found.end} ${found.text}`).toBe(wanted)
    })
  },
}
