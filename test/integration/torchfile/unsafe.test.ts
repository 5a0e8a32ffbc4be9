// A pickle can ask Python to run anything. Here it is refused by name, and nothing happens.
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  moduleStateDict,
  openTorchFile,
  PickleObject,
  readTorchFile,
  TensorRef,
  TorchFileError,
  UnsafePickleError,
} from '../../../src/torchfile/index.ts'
import { TorchZipWriter } from '../../../src/torchfile/zip-writer.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { rejection, temporaryDirectory } from './fixtures.ts'

async function zipOf(pickle: string, storage?: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const zip = new TorchZipWriter('evil', (chunk) => void chunks.push(chunk.slice()))
  await zip.member('data.pkl', [Buffer.from(pickle, 'latin1')])
  if (storage) await zip.member('data/0', [storage])
  await zip.member('version', [Buffer.from('3\n')])
  await zip.finish()
  return Buffer.concat(chunks)
}

const text = (value: string) => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`
const call = (module: string, name: string, argument: string) =>
  `\x80\x02c${module}\n${name}\n${text(argument)}\x85R.`

const attacks: [string, string, string][] = [
  ['os.system', 'os.system', call('os', 'system', 'true')],
  ['posix.system', 'posix.system', call('posix', 'system', 'true')],
  ['builtins.eval', 'builtins.eval', call('builtins', 'eval', '1')],
  ['eval by its Python 2 name', '__builtin__.eval', call('__builtin__', 'eval', '1')],
  ['getattr', 'builtins.getattr', call('builtins', 'getattr', 'x')],
  ['torch loading bytes', 'torch.storage._load_from_bytes', call('torch.storage', '_load_from_bytes', 'x')],
  [
    'subprocess by STACK_GLOBAL',
    'subprocess.run',
    `\x80\x04${text('subprocess')}${text('run')}\x93${text('x')}\x85R.`,
  ],
  ['a dotted name', 'torch.serialization.os.system', call('torch.serialization', 'os.system', 'true')],
  ['any function of a library', 'torch.hub.load', call('torch.hub', 'load', 'x')],
  ['a call of a class', '__main__.Model', call('__main__', 'Model', 'x')],
  [
    'a class made by copyreg with another base',
    'copyreg._reconstructor',
    '\x80\x02ccopyreg\n_reconstructor\nc__main__\nA\nc__main__\nB\nN\x87R.',
  ],
  [
    'an instance of an allowed function',
    'torch._utils._rebuild_tensor_v2',
    '\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)\x81.',
  ],
  ['a call of an instance', '__main__.Model', '\x80\x02c__main__\nModel\n)\x81)R.'],
  [
    'a call hidden in a rebuilt type',
    '__main__.f',
    '\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(c__main__\nf\nN)NtR.',
  ],
]

test.each(attacks)('%s is refused with its name', async (_, global, pickle) => {
  for (const allowModules of [false, true]) {
    const error = await rejection(readTorchFile(await zipOf(pickle), { allowModules }))
    expect(error).toBeInstanceOf(UnsafePickleError)
    if (allowModules) expect((error as UnsafePickleError).global).toBe(global)
    expect((error as UnsafePickleError).position).toBeGreaterThan(0)
    expect(String(error)).toContain('Nothing was executed')
  }
})

test('classes are data with allowModules and refused without', async () => {
  const bytes = await zipOf(`\x80\x02comegaconf.dictconfig\nDictConfig\n)\x81}${text('layers')}K\x21sb.`)
  expect(await rejection(readTorchFile(bytes))).toMatchObject({ global: 'omegaconf.dictconfig.DictConfig' })
  const { root } = await readTorchFile(bytes, { allowModules: true })
  expect(root).toBeInstanceOf(PickleObject)
  expect((root as PickleObject).get('layers')).toBe(33)
})

test('names of the language itself are no way in', async () => {
  // `constructor` and `__proto__` as keys and as numbers must stay plain data.
  const bytes = await zipOf(`\x80\x02}(${text('__proto__')}K\x01${text('constructor')}K\x02u.`)
  const { root } = await readTorchFile(bytes)
  expect(root).toEqual(
    new Map([
      ['__proto__', 1],
      ['constructor', 2],
    ]),
  )
  for (const word of ['constructor', '__proto__', 'toString'])
    expect(String(await rejection(readTorchFile(await zipOf(`\x80\x02F${word}\n.`))))).toContain(
      'malformed float',
    )
})

test('a module that contains itself ends', async () => {
  const bytes = await zipOf(
    `\x80\x02c__main__\nLoop\n)\x81q\x00}${text('_modules')}}${text('child')}h\x00ssb.`,
  )
  const file = await readTorchFile(bytes, { allowModules: true })
  expect(() => moduleStateDict(file, file.root)).toThrow('no pickled model')
})

const broken: [string, string][] = [
  ['empty', ''],
  ['no STOP', '\x80\x02}'],
  ['an empty stack', '\x80\x02.'],
  ['a missing mark', '\x80\x02]e.'],
  ['a missing memo entry', '\x80\x02h\x05.'],
  ['an unknown opcode', '\x80\x02\xff.'],
  ['a future protocol', '\x80\x09N.'],
  ['values left over', '\x80\x02NN.'],
  ['text beyond the end', '\x80\x02X\xff\xff\xff\x7fabc.'],
  ['bytes of 2^64', '\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.'],
  ['a negative length', '\x80\x02T\xff\xff\xff\xffabc.'],
  ['an integer of 255 bytes', `\x80\x02\x8a\xff${'\x01'.repeat(255)}.`],
  ['text that is not UTF-8', '\x80\x02X\x01\x00\x00\x00\xff.'],
  ['a list as key', '\x80\x02}]Ns.'],
  ['items for a dict', '\x80\x02}Na.'],
  ['an odd number of items', '\x80\x02}(Nu.'],
  [
    'a storage of negative size',
    `\x80\x02(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}J\xff\xff\xff\xfftQ.`,
  ],
  [
    'a storage that is not there',
    `\x80\x02(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x01tQ.`,
  ],
]

test.each(broken)('a pickle with %s is a named error', async (_, pickle) => {
  expect(await rejection(readTorchFile(await zipOf(pickle)))).toBeInstanceOf(TorchFileError)
})

/** A float32 tensor over a storage of `numel` elements. */
async function tensorZip(numel: number, offset: number, shape: string, stride: string): Promise<Uint8Array> {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K${String.fromCharCode(numel)}tQ`
  const pickle = `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${storage}K${String.fromCharCode(offset)}(${shape}t(${stride}t\x89}tR.`
  return zipOf(pickle, new Uint8Array(numel * 4))
}

test('a tensor must lie inside its storage', async () => {
  const two = 'K\x02'
  const three = 'K\x03'
  const one = 'K\x01'
  expect((await readTorchFile(await tensorZip(6, 0, two + three, three + one))).root).toBeInstanceOf(
    TensorRef,
  )
  const outside: [number, number, string, string][] = [
    [6, 1, two + three, three + one],
    [5, 0, two + three, three + one],
    [6, 0, three, three],
    [6, 0, two + three, three],
    [6, 0, two, 'J\xff\xff\xff\xff'],
    [6, 0, 'J\xff\xff\xff\x7f'.repeat(3), 'K\x00'.repeat(3)],
    [6, 0, two.repeat(65), 'K\x00'.repeat(65)],
  ]
  for (const [numel, offset, shape, stride] of outside)
    expect(String(await rejection(readTorchFile(await tensorZip(numel, offset, shape, stride))))).toContain(
      'a tensor of storage 0 has',
    )
})

test('endless marks stop early', async () => {
  expect(String(await rejection(readTorchFile(await zipOf(`\x80\x02${'('.repeat(100_000)}.`))))).toContain(
    'nesting too deep',
  )
})

test('deep nesting without marks does not exhaust the stack', async () => {
  const depth = 200_000
  const { root } = await readTorchFile(await zipOf(`\x80\x02${']'.repeat(depth)}${'a'.repeat(depth - 1)}.`))
  expect(Array.isArray(root)).toBe(true)
})

test.skipIf(!hasPython)('a file that runs code in Python runs none here', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'evil.pt')
  const witness = join(directory, 'witness')
  await runPython(
    `
import os, pickle, sys, zipfile
class Evil:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[2]}",)
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("evil/data.pkl", pickle.dumps({"weight": Evil()}, protocol=2))
    z.writestr("evil/version", "3\\n")
`,
    path,
    witness,
  )
  for (const allowModules of [false, true])
    expect(await rejection(openTorchFile(path, { allowModules }))).toMatchObject({ global: 'posix.system' })
  expect(existsSync(witness)).toBe(false)
  await rm(directory, { recursive: true })
})
