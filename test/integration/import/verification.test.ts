import { describe, expect, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { verifyBundle } from '../../../src/bundle/index.ts'
import { predictHere } from '../../e2e/predict/resume-inprocess.ts'
import { repository, virnucpro } from '../../support/cli.ts'

const FILES = [
  'manifest.json',
  ...['esm2/model.onnx', 'esm2/weights.bin', 'dnabert_s/model.onnx', 'dnabert_s/weights.bin'],
  ...['dnabert_s/tokenizer.json', 'mlp/model.onnx'],
]

function copyOfDemo(folder: ReturnType<typeof temporaryFolder>): string {
  const bundle = folder.join('bundle')
  cpSync(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  return bundle
}

/** Numbers below `below`, by a seed. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Changes one byte of a file; its size and the time of modification stay. */
function flip(path: string, at: number, bits: number): void {
  const { atime, mtime } = statSync(path)
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ bits
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
}

test('a byte changed anywhere in a bundle is refused by predict and by models verify', async () => {
  await using folder = temporaryFolder()
  const bundle = copyOfDemo(folder)
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 2))
  const sizes = FILES.map((file) => statSync(join(bundle, file)).size)
  const all = sizes.reduce((sum, size) => sum + size, 0)
  const random = randomNumbers(16)
  const places = Array.from({ length: 160 }, () => random(all))
  // All of the manifest, whose share of a real bundle is small, and the ends of every file.
  for (let i = 0; i < 120; i++) places.push(random(sizes[0] as number))
  for (let i = 0, end = 0; i < sizes.length; i++) {
    places.push(end)
    end += sizes[i] as number
    places.push(end - 1)
  }
  const accepted: string[] = []
  for (const [n, place] of places.entries()) {
    let [file, at] = [0, place]
    while (at >= (sizes[file] as number)) at -= sizes[file++] as number
    const path = join(bundle, FILES[file] as string)
    const bits = 1 + random(255)
    flip(path, at, bits)
    const { error } = await predictHere(input, folder.join('out'), { bundle })
    const verified = await verifyBundle(bundle).then(
      () => undefined,
      (problem: Error) => problem,
    )
    const told = error?.message.includes(FILES[file] as string) === true
    if (!told || error?.message !== verified?.message) accepted.push(`${n}: ${FILES[file]} ${at} ^ ${bits}`)
    flip(path, at, bits)
  }
  expect(accepted).toEqual([])
  expect((await predictHere(input, folder.join('out'), { bundle })).error).toBeUndefined()
}, 120_000)

test('a manifest of an older version, without a checksum, is read; one whose checksum lost its name is not', async () => {
  await using folder = temporaryFolder()
  const bundle = copyOfDemo(folder)
  const path = join(bundle, 'manifest.json')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/,\n {2}"checksum": "\w+"/, ''))
  expect((await verifyBundle(bundle)).manifest.name).toBe('demo')
  for (const other of [
    text.replace('"checksum"', '"checksun"'),
    text.replace('"name": "demo"', '"name": "dema"'),
  ]) {
    expect(other).not.toBe(text)
    writeFileSync(path, other)
    expect(verifyBundle(bundle)).rejects.toThrow('its checksum differs')
  }
})

describe('predict and models verify agree on', () => {
  const replaced = (bundle: string, file: string, how: (path: string, aside: string) => void) => {
    const [path, aside] = [join(bundle, file), join(bundle, '..', 'aside')]
    renameSync(path, aside)
    how(path, aside)
  }
  const cases: [string, string | undefined, (bundle: string) => void][] = [
    [
      'weights that are a link out of the bundle',
      'esm2/weights.bin is a link',
      (bundle) => replaced(bundle, 'esm2/weights.bin', (path, aside) => symlinkSync(aside, path)),
    ],
    [
      'a tokenizer that is a link',
      'dnabert_s/tokenizer.json is a link',
      (bundle) => replaced(bundle, 'dnabert_s/tokenizer.json', (path, aside) => symlinkSync(aside, path)),
    ],
    [
      'a link to nothing',
      'mlp/model.onnx is a link',
      (bundle) => replaced(bundle, 'mlp/model.onnx', (path) => symlinkSync('nowhere', path)),
    ],
    [
      'a folder that is a link',
      'lies in a folder that is a link',
      (bundle) => replaced(bundle, 'esm2', (path, aside) => symlinkSync(aside, path)),
    ],
    [
      'a named pipe that nobody writes to',
      'esm2/model.onnx is a named pipe',
      (bundle) => replaced(bundle, 'esm2/model.onnx', (path) => Bun.spawnSync(['mkfifo', path])),
    ],
    [
      'a named pipe in place of the manifest',
      'manifest.json is a named pipe',
      (bundle) => replaced(bundle, 'manifest.json', (path) => Bun.spawnSync(['mkfifo', path])),
    ],
    [
      'a folder in place of a file',
      'esm2/weights.bin is a folder',
      (bundle) => replaced(bundle, 'esm2/weights.bin', (path) => mkdirSync(path)),
    ],
    [
      'a file that is missing',
      'esm2/weights.bin is missing',
      (bundle) => unlinkSync(join(bundle, 'esm2/weights.bin')),
    ],
    [
      'a folder that is missing',
      'dnabert_s/model.onnx is missing',
      (bundle) => rmSync(join(bundle, 'dnabert_s'), { recursive: true }),
    ],
    [
      'a file that is cut',
      'bytes instead of',
      (bundle) =>
        writeFileSync(
          join(bundle, 'esm2/weights.bin'),
          readFileSync(join(bundle, 'esm2/weights.bin')).subarray(1),
        ),
    ],
    [
      'a hard link and a file too many: both are fine',
      undefined,
      (bundle) => {
        replaced(bundle, 'esm2/weights.bin', (path, aside) => linkSync(aside, path))
        writeFileSync(join(bundle, 'notes.txt'), 'mine')
      },
    ],
    [
      'a bundle that is named by a link: it is fine',
      undefined,
      (bundle) => replaced(bundle, '.', (path, aside) => symlinkSync(aside, path.replace(/\/$/, ''))),
    ],
  ]
  test.each(cases)(
    '%s',
    async (_, problem, damage) => {
      await using folder = temporaryFolder()
      const bundle = copyOfDemo(folder)
      const input = folder.join('reads.fa')
      writeFileSync(input, randomFasta(1, 2))
      damage(bundle)
      const verified = await virnucpro(['models', 'verify', bundle])
      const predicted = await virnucpro(['predict', input, '-o', folder.join('out'), '--bundle', bundle])
      if (problem === undefined) {
        expect([verified.code, predicted.code]).toEqual([0, 0])
        return
      }
      expect(verified.stderr).toContain(problem)
      expect(predicted.stderr).toContain(problem)
      expect(verified.code).toBe(1)
      expect([65, 66]).toContain(predicted.code)
      expect(existsSync(folder.join('out', 'reads_merged'))).toBe(false)
    },
    30_000,
  )
})

test('weights that are written to while a run computes end it, and what is kept is of the right ones', async () => {
  await using folder = temporaryFolder()
  const bundle = copyOfDemo(folder)
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 60))
  const options = { esmTokenBudget: 256, dnabertTokenBudget: 256, keepIntermediate: false }
  const whole = await predictHere(input, folder.join('whole'), { ...options, bundle })
  expect(whole.error).toBeUndefined()
  const out = folder.join('out')
  const journals = () => {
    const work = join(out, '.virnucpro', 'reads', 'work')
    return existsSync(work) && readdirSync(work).some((name) => name.endsWith('.journal'))
  }
  const weights = join(bundle, 'esm2', 'weights.bin')
  let changed = false
  const timer = setInterval(() => {
    if (changed || !journals()) return
    changed = true
    flip(weights, 5000, 0x40)
  }, 1)
  const { error } = await predictHere(input, out, { ...options, bundle })
  clearInterval(timer)
  expect(changed).toBe(true)
  expect(error?.message).toContain('esm2/weights.bin is not what was imported')
  flip(weights, 5000, 0x40)
  expect((await predictHere(input, out, { ...options, bundle })).error).toBeUndefined()
  const table = (name: string) =>
    readFileSync(join(folder.join(name), 'reads_merged/prediction_results.txt'), 'utf8')
  expect(table('out')).toBe(table('whole'))
})

test('a link made to a file of a bundle while a run computes disturbs nothing', async () => {
  await using folder = temporaryFolder()
  const bundle = copyOfDemo(folder)
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 30))
  let links = 0
  const timer = setInterval(
    () => linkSync(join(bundle, 'esm2/weights.bin'), folder.join(`link${links++}`)),
    2,
  )
  const { error } = await predictHere(input, folder.join('out'), { bundle, esmTokenBudget: 256 })
  clearInterval(timer)
  expect(error).toBeUndefined()
  expect(links).toBeGreaterThan(3)
})
