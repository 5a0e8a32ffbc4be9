import { expect, test } from 'bun:test'
import { formatFloat32, formatFloat64 } from '../../../src/tables/index.ts'
import { hasPython, runPython } from '../../support/python.ts'

const PROGRAM = `
import numpy as np
rng = np.random.default_rng(7)
bits = rng.integers(0, 0x3f800001, 60000, dtype=np.uint32)          # every float32 in [0, 1], tiny ones included
powers = (np.arange(0, 128, dtype=np.uint32) << 23)                 # powers of two: uneven spacing
ties = (np.arange(1, 8192, dtype=np.float32) / 8192).view(np.uint32)
scores = rng.random(20000, dtype=np.float32).view(np.uint32)
for value in np.concatenate([bits, powers, powers + 1, powers - (powers > 0), ties, scores]).view(np.float32):
    print(int(value.view(np.uint32)), str(value), repr(float(value)))
`

test.skipIf(!hasPython)('scores are spelled as numpy and Python spell them', async () => {
  const bits = new DataView(new ArrayBuffer(4))
  const lines = (await runPython(PROGRAM)).trim().split('\n')
  const wrong = lines.filter((line) => {
    const [word, single, double] = line.split(' ')
    bits.setUint32(0, Number(word))
    return formatFloat32(bits.getFloat32(0)) !== single || formatFloat64(bits.getFloat32(0)) !== double
  })
  expect(wrong).toEqual([])
  expect(lines.length).toBeGreaterThan(80_000)
})

test('spells what is not a number, zero and one', () => {
  expect([Number.NaN, 0, -0, 1, Number.POSITIVE_INFINITY].map(formatFloat32)).toEqual([
    'nan',
    '0.0',
    '-0.0',
    '1.0',
    'inf',
  ])
  expect([Number.NaN, 0, 1, 1e-5, 1e16].map(formatFloat64)).toEqual(['nan', '0.0', '1.0', '1e-05', '1e+16'])
})
