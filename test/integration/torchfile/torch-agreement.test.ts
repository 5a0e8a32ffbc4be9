// What torch writes is read as torch reads it, and what is written here equals torch.save's bytes.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { open, readFile, writeFile } from 'node:fs/promises'
import {
  archiveNameOf,
  decodeBroadBatch,
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  encodeTorchZip,
  type FeatureKind,
  featureKind,
  moduleStateDict,
  type NumpyArray,
  openTorchFile,
  type PickleObject,
  PyTuple,
  type PyValue,
  readTorchFile,
  TensorData,
  TensorRef,
  TorchFileError,
  type Writable,
  weightSourceFromStateDict,
  writeFeatureFile,
} from '../../../src/torchfile/index.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { bytesOf, type Fixtures, floatsOf, makeFixtures, randomNumbers, rejection } from './fixtures.ts'

const TORCH_NAMES: Record<string, string> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
}

/** Importing torch alone can take longer than the default of 5 s. */
const TIMEOUT = 120_000

const decoders = { dnabert: decodeDnabert, esm: decodeEsm, merged: decodeMerged }
const encoders = { dnabert: encodeDnabertFile, esm: encodeEsmFile, merged: encodeMergedFile }

function dict(value: PyValue | undefined): Map<PyValue, PyValue> {
  if (value instanceof Map) return value
  throw new Error('expected a dict')
}

describe.skipIf(!hasPython)('agreement with torch', () => {
  let fixtures: Fixtures
  beforeAll(async () => {
    fixtures = await makeFixtures()
  }, TIMEOUT)
  afterAll(() => fixtures?.remove())

  const tensorFiles = [
    'tensors.pt',
    'tensors_protocol4.pt',
    'tensors_protocol5.pt',
    'tensors_legacy.pt',
    'tensors_legacy4.pt',
    'cuda.pt',
    'cuda_legacy.pt',
    'state_dict.pt',
  ]
  test.each(tensorFiles)(
    '%s: every tensor has the bytes and float32 values that torch sees',
    async (name) => {
      const file = await openTorchFile(fixtures.path(name))
      expect(file.format).toBe(name.includes('legacy') ? 'legacy' : 'zip')
      const source = weightSourceFromStateDict(file, file.root)
      const expected = fixtures.expected[name]!
      expect(source.names()).toEqual(Object.keys(expected))
      for (const [tensor, want] of Object.entries(expected)) {
        const info = source.get(tensor)!
        const got = {
          tensor,
          dtype: TORCH_NAMES[info.dtype],
          shape: info.shape,
          hex: Buffer.from(await source.read(tensor)).toString('hex'),
          float: Buffer.from(bytesOf(await source.readF32(tensor))).toString('hex'),
        }
        expect(got).toEqual({ tensor, ...want, float: want.float })
        const chunks: Uint8Array[] = []
        for await (const chunk of source.stream(tensor, { chunkBytes: 13 })) chunks.push(chunk.slice())
        expect(Buffer.concat(chunks).toString('hex')).toBe(want.hex)
        expect(chunks.every((chunk) => chunk.length > 0 && chunk.length <= 13)).toBe(true)
      }
      await file.verify()
      await source.close()
    },
  )

  test.each(['module.pt', 'module_legacy.pt', 'module_source.pt'])(
    '%s: a pickled model gives its state_dict',
    async (name) => {
      const file = await readTorchFile(fixtures.path(name), { allowModules: true })
      const root = file.root as PickleObject
      expect([root.module, root.name]).toEqual(['__main__', 'MLPClassifier'])
      const state = moduleStateDict(file, root)
      const expected = fixtures.expected[name]!
      expect([...state.keys()]).toEqual(Object.keys(expected))
      for (const [tensor, ref] of state)
        expect(Buffer.from(await file.readTensor(ref)).toString('hex')).toBe(expected[tensor]!.hex)
      expect(await rejection(readTorchFile(fixtures.path(name)))).toMatchObject({
        name: 'UnsafePickleError',
        global: '__main__.MLPClassifier',
      })
    },
  )

  test.each([2, 3, 4, 5])('values of pickle protocol %d', async (protocol) => {
    const file = await readTorchFile(fixtures.path(`values_protocol${protocol}.pt`))
    const root = dict(file.root)
    expect(root.get('ints')).toEqual([
      0,
      255,
      256,
      65535,
      65536,
      -1,
      -(2 ** 31),
      2 ** 31,
      2 ** 53 - 1,
      2n ** 70n,
      -(2n ** 70n),
    ])
    expect(root.get('floats')).toEqual([0.1, -0, 1e300, 5])
    expect(root.get('texts')).toEqual(['', 'plain', 'Größe 🧬', 'x'.repeat(300)])
    expect([...(root.get('bytes') as Uint8Array)]).toEqual([0, 255, 128])
    const tuple = root.get('tuple') as PyTuple
    expect(tuple).toBeInstanceOf(PyTuple)
    expect(tuple.items.map((item) => (item instanceof PyTuple ? item.items.length : item))).toEqual([
      1, 2, 3, 4, 0,
    ])
    expect(root.get('truth')).toEqual([true, false, null])
    expect(root.get('set')).toEqual(new Set([3]))
    expect(root.get('size')).toEqual(new PyTuple([2, 3]))
    expect((root.get('device') as PickleObject).args).toEqual(['cuda', 0])
    const namespace = root.get('namespace') as PickleObject
    expect([namespace.name, namespace.get('layers'), namespace.get('lr')]).toEqual([
      'Namespace',
      33,
      [0.0004],
    ])
    expect(dict((dict(dict(root.get('nested')).get('a')).get('b') as PyValue[])[0]).get('c')).toBe('d')
    expect(root.get(7)).toBe('seven')
    expect(root.get('many')).toEqual(Array.from({ length: 2001 }, (_, i) => i))
    expect([...dict(root.get('ordered')).keys()]).toEqual(['z', 'a'])
  })

  test.each([2, 4])("Broad's incremental batch, pickle protocol %d", async (protocol) => {
    const file = await readTorchFile(fixtures.path(`batch_protocol${protocol}.pt`))
    const batch = await decodeBroadBatch(file)
    expect(batch).toEqual({
      ids: ['a', 'b', 'c'],
      rows: Float32Array.from({ length: 12 }, (_, i) => i),
      dim: 4,
    })
    const metadata = dict(dict(file.root).get('metadata'))
    expect([metadata.get('batch_idx'), metadata.get('loss')]).toEqual([3, 0.25])
  })

  test('numpy arrays keep their memory order and type', async () => {
    const root = dict((await readTorchFile(fixtures.path('numpy.pt'))).root)
    expect(root.get('column_major')).toMatchObject({ dtype: '<f4', shape: [3, 4], fortranOrder: true })
    const bool = root.get('bool') as NumpyArray
    expect([bool.dtype, ...bool.data]).toEqual(['|b1', 1, 0])
  })

  test('a file beyond 4 GiB is read by position, not whole', async () => {
    const path = fixtures.path('huge.pt')
    const handle = await open(path, 'r+')
    const { size } = await handle.stat()
    expect(size).toBeGreaterThan(2 ** 32)
    const file = await openTorchFile(path)
    const huge = dict(file.root).get('huge') as TensorRef
    const after = dict(file.root).get('after') as TensorRef
    expect([huge.numel, after.numel]).toEqual([1_200_000_000, 4])
    // The end of the huge storage and the one behind it lie beyond the reach of 32-bit offsets.
    const tail = new TensorRef(huge.storage, huge.numel - 2, [2], [1])
    expect([...(await file.readTensorF32(tail))]).toEqual([0, 0])
    await handle.close()
    const read = await rejection(file.readTensor(huge))
    expect(String(read)).toContain('streamTensor')
    for await (const chunk of file.streamTensor(huge, { chunkBytes: 1000 })) {
      expect(chunk.length).toBe(1000)
      break
    }
    await file.close()
  })

  const shapes = [
    [0, 4],
    [1, 1],
    [2, 3],
    [6, 1001],
    [1001, 2],
    [2500, 3],
  ] as const
  const cases = (['dnabert', 'esm', 'merged'] as const).flatMap((kind) =>
    shapes.flatMap(([count, dim]) => [false, true].map((stamp) => ({ kind, count, dim, stamp }))),
  )
  test.each(cases)('$kind file of $count x $dim (stamp $stamp) equals torch.save', async (it) => {
    const { kind, count, dim, stamp } = it
    const stem = `${kind}_${count}_${dim}${stamp ? '_stamp' : ''}`
    const want = await readFile(fixtures.path(`${stem}.pt`))
    const rows = floatsOf(await readFile(fixtures.path(`rows_${count}_${dim}.f32`)))
    const file = await readTorchFile(want)
    expect(featureKind(file)).toBe(kind as FeatureKind)
    const table = await decoders[kind](file)
    expect(table.version).toBe(stamp ? '1.0' : undefined)
    expect(table.status).toBe(stamp ? 'complete' : undefined)
    expect(table.ids.length).toBe(count)
    if (count > 0 || kind === 'merged') expect(table.dim).toBe(dim)
    // As bytes: equality of arrays does not hold for NaN.
    expect(Buffer.from(bytesOf(table.rows)).equals(bytesOf(rows))).toBe(true)
    const got = await encoders[kind](
      { ids: table.ids, rows, dim },
      { archiveName: archiveNameOf(`/x/${stem}.pt`), stamp },
    )
    expect(Buffer.from(got).equals(want)).toBe(true)
  })

  test('any other object is written as torch.save writes it', async () => {
    const thousand = new Map(Array.from({ length: 1000 }, (_, i) => [i, 0.5] as const))
    const got = await encodeTorchZip(
      new Map<string, Writable>([
        ['none', null],
        ['list', [1, -1, 65536, 2 ** 40, -(2 ** 40), 0.5, true]],
        ['thousand', thousand],
        ['empty', [[], new Map()]],
        [
          'tensor',
          new TensorData(
            Float32Array.from({ length: 24 }, (_, i) => i),
            [1, 2, 3, 4],
          ),
        ],
        ['scalar', new TensorData(Float32Array.of(1.5), [])],
      ]),
      { archiveName: 'generic' },
    )
    expect(Buffer.from(got).equals(await readFile(fixtures.path('generic.pt')))).toBe(true)
  })

  test('the legacy format, cut anywhere or with changed bytes, is read or a named error', async () => {
    const bytes = await Bun.file(fixtures.path('cuda_legacy.pt')).bytes()
    const random = randomNumbers(7)
    for (let length = 0; length < bytes.length; length++)
      expect(await rejection(readTorchFile(bytes.subarray(0, length)))).toBeInstanceOf(TorchFileError)
    for (let round = 0; round < 3 * bytes.length; round++) {
      const mutant = bytes.slice()
      mutant[round % bytes.length]! ^= 1 << random(8)
      // There are no checksums: damage inside values cannot be seen, but nothing else may happen.
      const error = await readTorchFile(mutant).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error !== undefined) expect(error).toBeInstanceOf(TorchFileError)
    }
  })

  test(
    'torch loads our files with weights_only and finds the same values',
    async () => {
      const ids = ['a|1', 'ß', 'a|1']
      const rows = Float32Array.of(0.1, Number.NaN, -0, Number.POSITIVE_INFINITY, 1e-45, 3)
      for (const kind of ['dnabert', 'esm', 'merged'] as const) {
        const chunks: Uint8Array[] = []
        const sink = async (chunk: Uint8Array) => void chunks.push(chunk.slice())
        await writeFeatureFile(kind, { ids, rows, dim: 2 }, sink, { archiveName: 'x', stamp: true })
        await writeFile(fixtures.path(`ours_${kind}.pt`), Buffer.concat(chunks))
      }
      const printed = await runPython(
        `
import sys, torch
for kind, key in (("dnabert", "nucleotide"), ("esm", "proteins"), ("merged", "ids")):
    d = torch.load(f"{sys.argv[1]}/ours_{kind}.pt", weights_only=True)
    assert d[key] == ["a|1", "ß", "a|1"] and d["version"] == "1.0" and d["status"] == "complete", d
    data = d["data"]
    if kind == "dnabert":
        assert [entry["label"] for entry in data] == d[key]
        data = torch.tensor([entry["mean_representation"] for entry in data])
    if kind == "esm":
        data = torch.stack(data)
    print(data.dtype, tuple(data.shape), data.numpy().tobytes().hex())
`,
        fixtures.directory,
      )
      const hex = Buffer.from(bytesOf(rows)).toString('hex')
      expect(printed.trim().split('\n')).toEqual(Array(3).fill(`torch.float32 (3, 2) ${hex}`))
    },
    TIMEOUT,
  )
})
