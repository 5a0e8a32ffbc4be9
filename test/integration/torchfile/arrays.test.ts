import { afterAll, describe, expect, test } from 'bun:test'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSafetensors, writeNpz, writeSafetensors } from '../../../src/torchfile/index.ts'
import { hasPython, runPython } from '../../support/python.ts'

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-arrays-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bytes = (...numbers: number[]) => new Uint8Array(Float32Array.from(numbers).buffer)
const texts = (...letters: string[]) =>
  new Uint8Array(Uint32Array.from(letters, (letter) => letter.codePointAt(0) ?? 0).buffer)

async function written(name: string, write: (sink: (chunk: Uint8Array) => void) => Promise<void>) {
  const chunks: Uint8Array[] = []
  await write((chunk) => void chunks.push(chunk.slice()))
  const path = join(folder, name)
  writeFileSync(path, Buffer.concat(chunks))
  return path
}

async function* inPieces(...pieces: Uint8Array[]) {
  yield* pieces
}

describe.skipIf(!hasPython)('what numpy and safetensors read', () => {
  test('arrays in pieces, empty ones, texts, and one without a dimension', async () => {
    const path = await written('small.npz', (sink) =>
      writeNpz(sink, [
        { name: 'm', descr: '<f4', shape: [2, 3], content: () => inPieces(bytes(1, 2), bytes(3, 4, 5, 6)) },
        { name: 'none', descr: '<f4', shape: [0, 7], content: () => [] },
        { name: 'ids', descr: '<U2', shape: [2], content: () => [texts('a', '\0', 'é', '🧬')] },
        { name: 'about', descr: '<U1', shape: [], content: () => [texts('x')] },
      ]),
    )
    const program = `
import json, numpy, sys
z = numpy.load(sys.argv[1], allow_pickle=False)
print(json.dumps([z["m"].tolist(), str(z["m"].dtype), z["none"].shape, z["ids"].tolist(), str(z["about"])]))`
    expect(JSON.parse(await runPython(program, path))).toEqual([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      'float32',
      [0, 7],
      ['a', 'é🧬'],
      'x',
    ])
  })

  test('tensors and metadata; this program reads them too', async () => {
    const path = await written('small.safetensors', (sink) =>
      writeSafetensors(
        sink,
        [
          { name: 'ids', dtype: 'U8', shape: [3], content: () => [Buffer.from('a\nb')] },
          { name: 'm', dtype: 'F32', shape: [2, 2], content: () => inPieces(bytes(1, 2), bytes(3, 4)) },
          { name: 'none', dtype: 'F32', shape: [0, 2], content: () => [] },
        ],
        { program: 'é' },
      ),
    )
    const program = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    print(json.dumps([bytes(f.get_tensor("ids")).decode(), f.get_tensor("m").tolist(), f.get_tensor("none").shape, f.metadata()]))`
    expect(JSON.parse(await runPython(program, path))).toEqual([
      'a\nb',
      [
        [1, 2],
        [3, 4],
      ],
      [0, 2],
      { program: 'é' },
    ])
    const file = await openSafetensors(path)
    expect(await file.readF32('m')).toEqual(Float32Array.of(1, 2, 3, 4))
    await file.close()
  })

  test('an array of more than 4 GiB, and one behind it', async () => {
    const path = join(folder, 'large.npz')
    const file = openSync(path, 'w')
    const piece = new Uint8Array(64 << 20)
    let at = 0
    await writeNpz(
      (chunk) => {
        // Zeros are left out of the file, so that it takes no room.
        if (chunk !== piece) writeSync(file, chunk, 0, chunk.length, at)
        at += chunk.length
      },
      [
        {
          name: 'large',
          descr: '<f4',
          shape: [65, 16 << 20],
          content: function* () {
            for (let i = 0; i < 65; i++) yield piece
          },
        },
        { name: 'm', descr: '<f4', shape: [2], content: () => [bytes(7, 8)] },
      ],
    )
    ftruncateSync(file, at)
    closeSync(file)
    const program = `
import numpy, sys, zipfile
z = numpy.load(sys.argv[1], allow_pickle=False)
with zipfile.ZipFile(sys.argv[1]) as f, f.open("large.npy") as member:
    version = numpy.lib.format.read_magic(member)
    print(f.getinfo("large.npy").file_size, numpy.lib.format.read_array_header_1_0(member)[0], z["m"].tolist())`
    expect((await runPython(program, path)).trim()).toBe(`${65 * (64 << 20) + 128} (65, 16777216) [7.0, 8.0]`)
  })
})
