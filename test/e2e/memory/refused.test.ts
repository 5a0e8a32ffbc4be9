import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'
import { type Content, measure, repeated } from './support.ts'

setDefaultTimeout(300_000)

/** MB: a command with a small input has less than half of it. */
const BOUND = 400
const DEMO = ['--bundle', 'demo', '--output-dir', 'out', '--no-progress']

interface Case {
  readonly what: string
  readonly words: readonly string[]
  /** Files by name: their content, or the size of one that is a hole. */
  readonly files?: Readonly<Record<string, string | Uint8Array | number>>
  readonly content?: Content
  readonly code: number
  readonly says: string
}

const sheet = (file: string) => ['predict', '--sample-sheet', file, ...DEMO]
const config = (file: string) => ['config', '--config', file]
/** Weights, each a whole one unless another is given. */
const weights = (given: { esm?: string; dnabert?: string; mlp?: string }) => {
  const tiny = join(repository, 'test/data/tiny/models')
  const { esm = join(tiny, 'esm2_t2_tiny.pt'), dnabert = join(tiny, 'dnabert_s_tiny') } = given
  const mlp = given.mlp ?? join(tiny, '500_model.pth')
  return ['models', 'import', '--esm', esm, '--dnabert', dnabert, '--mlp', `500=${mlp}`, '--output', 'bundle']
}

/** A frame of zstd that claims a window of 2 GiB, of blocks that repeat one byte. Source: RFC 8878. */
function* zstdBomb(byte: number, size: number): Generator<Uint8Array> {
  yield Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3)
  const block = 1 << 17
  for (let left = size; left > 0; left -= block) {
    const header = (block << 3) | 2 | Number(left <= block)
    yield Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16, byte)
  }
}

const CASES: readonly Case[] = [
  {
    what: 'a configuration of 200,000 nested brackets in YAML',
    files: { 'c.yaml': `a: ${'['.repeat(200_000)}` },
    words: config('c.yaml'),
    code: 64,
    says: 'nested more than 100 deep at line 1',
  },
  {
    what: 'a configuration of 200,000 nested brackets in JSON',
    files: { 'c.json': '['.repeat(200_000) },
    words: config('c.json'),
    code: 64,
    says: 'nested more than 100 deep',
  },
  {
    what: 'a configuration of 300,000 tags',
    files: { 'c.yaml': '!a '.repeat(300_000) },
    words: config('c.yaml'),
    code: 64,
    says: 'more than 100 tags',
  },
  {
    what: 'a configuration of 80,000 keys',
    files: { 'c.yaml': Array.from({ length: 80_000 }, (_, i) => `k${i}: 1\n`).join('') },
    words: config('c.yaml'),
    code: 64,
    says: 'more than 2000 keys',
  },
  {
    what: 'a configuration whose aliases stand for billions of values',
    files: {
      'c.yaml': Array.from({ length: 30 }, (_, i) =>
        i === 0 ? 'a0: &a0 [x, x]\n' : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]\n`,
      ).join(''),
    },
    words: config('c.yaml'),
    code: 64,
    says: 'alias',
  },
  {
    what: 'a configuration of 20 GB',
    files: { 'c.yaml': 20e9 },
    words: config('c.yaml'),
    code: 64,
    says: 'at most 1 MB, got 20000000000 bytes',
  },
  {
    what: 'a configuration that never ends',
    words: config('/dev/zero'),
    code: 64,
    says: 'at most 1 MB, got more',
  },
  {
    what: 'a sample sheet of 20 GB',
    files: { 's.csv': 20e9 },
    words: sheet('s.csv'),
    code: 65,
    says: 's.csv: it is larger than any file of its kind',
  },
  {
    what: 'a sample sheet that never ends',
    words: sheet('/dev/zero'),
    code: 65,
    says: 'larger than any file of its kind',
  },
  {
    what: 'a sample sheet of 300,000 columns',
    files: { 's.csv': `sample,fasta,${Array.from({ length: 300_000 }, (_, i) => `c${i}`).join(',')}\n` },
    words: sheet('s.csv'),
    code: 65,
    says: 'not CSV: Max Record Size',
  },
  {
    what: 'gigabytes of zeros in a megabyte of zstd',
    words: ['predict', '-', ...DEMO],
    content: zstdBomb(0, 2 ** 32),
    code: 65,
    says: 'binary data',
  },
  {
    what: 'an id of 100 MB',
    words: ['predict', '-', ...DEMO],
    content: repeated('>id', 1e8),
    code: 65,
    says: 'the header is longer than 16 MiB',
  },
  {
    what: 'a manifest of 200,000 nested brackets',
    files: { 'b/manifest.json': '{"a":'.repeat(200_000) },
    words: ['models', 'show', 'b'],
    code: 65,
    says: 'nested more than 100 deep',
  },
  {
    what: 'a manifest of 20 GB',
    files: { 'b/manifest.json': 20e9 },
    words: ['models', 'show', 'b'],
    code: 65,
    says: 'b/manifest.json: it is larger than any file of its kind',
  },
  {
    what: 'a record of the home of 20 GB',
    files: { 'home/home.json': 20e9 },
    words: ['home', 'show'],
    code: 65,
    says: 'larger than any file of its kind',
  },
  {
    what: 'a safetensors header of 200,000 nested brackets',
    files: { 'm.safetensors': safetensors('['.repeat(200_000)) },
    words: weights({ esm: 'm.safetensors' }),
    code: 65,
    says: 'nested more than 100 deep',
  },
  {
    what: 'a settings file of a model of 200,000 nested brackets',
    files: { 'dnabert/config.json': '['.repeat(200_000), 'dnabert/pytorch_model.bin': '' },
    words: weights({ dnabert: 'dnabert' }),
    code: 65,
    says: 'm',
  },
  {
    what: 'a file of weights that is a hole of 20 GB',
    files: { 'm.pt': 20e9 },
    words: weights({ esm: 'm.pt' }),
    code: 65,
    says: 'm.pt: is not a file of torch.save',
  },
  {
    what: 'a pickle of five million nested tuples',
    files: { 'm.pt': `\x80\x02${'('.repeat(5e6)}${'t'.repeat(5e6)}.` },
    words: weights({ mlp: 'm.pt' }),
    code: 65,
    says: 'nesting too deep',
  },
  {
    what: 'a list of shards of 20 GB',
    files: { 'shards.json': 20e9, 'out/some.txt': '' },
    words: ['merge', 'out', '--manifest', 'shards.json', '--output-dir', 'whole'],
    code: 65,
    says: 'larger than any file of its kind',
  },
]

function safetensors(header: string): Uint8Array {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header)])
}

test.each(CASES)(
  '$what is one error, and takes no memory',
  async ({ words, files = {}, content, code, says }) => {
    await using folder = temporaryFolder()
    for (const [name, inside] of Object.entries(files)) {
      mkdirSync(dirname(folder.join(name)), { recursive: true })
      writeFileSync(folder.join(name), typeof inside === 'number' ? '' : inside, 'latin1')
      if (typeof inside === 'number') truncateSync(folder.join(name), inside)
    }
    const found = await measure(folder.path, words, content)
    expect(found.stderr).toContain(says)
    expect(found.stderr).not.toContain('    at ')
    expect([found.code, found.stderr.length < 2000]).toEqual([code, true])
    expect(found.peak).toBeLessThan(BOUND)
  },
)
