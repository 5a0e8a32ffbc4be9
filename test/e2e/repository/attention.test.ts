import { describe, expect, test } from 'bun:test'
import { resolve } from 'node:path'
import { compile, compilerPython } from '../../../scripts/support/compile.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'

const program = resolve(import.meta.dir, '../../support/gpu/attention.cpp')
const code = resolve(import.meta.dir, '../../../model_repository/python')

/** Rows, tokens, heads and tiles of 16 queries for each block, as attention_kernel.py launches them. */
const SHAPES = [
  [3, 51, 2, 4],
  [2, 168, 2, 11],
  [2, 168, 1, 4],
  [3, 17, 1, 2],
  [3, 3, 1, 1],
  [2, 64, 1, 4],
  [2, 256, 1, 16],
  // Longer than what is in shared memory at once, and rows that are not.
  [2, 300, 1, 4],
  [3, 530, 1, 4],
]

describe('the attention kernel', () => {
  test.each([
    { size: 64, positions: 'rotary' },
    { size: 64, positions: 'ALiBi' },
    { size: 32, positions: 'rotary' },
    { size: 16, positions: 'rotary' },
    { size: 128, positions: 'rotary' },
    { size: 64, positions: 'rotary', type: 'FP16' },
    { size: 64, positions: 'ALiBi', type: 'FP16' },
    { size: 64, positions: 'rotary', type: 'FP8' },
  ])(
    'is softmax(q k) v of each row, padding unseen: heads of $size, $positions, $type',
    async ({ size, positions, type }) => {
      await using folder = temporaryFolder()
      const binary = folder.join('attention')
      const [rotary, alibi] = positions === 'rotary' ? [1, 0] : [0, 1]
      await compile(
        program,
        binary,
        `-DSIZE=${size}`,
        `-DROTARY=${rotary}`,
        `-DALIBI=${alibi}`,
        `-DHALF=${Number(type === 'FP16')}`,
        `-DOUT8=${Number(type === 'FP8')}`,
      )
      for (const shape of SHAPES) {
        const child = Bun.spawnSync([binary, ...shape.map(String)])
        expect(child.stderr.toString()).toBe('')
        const { relativeError, notFinite } = JSON.parse(child.stdout.toString())
        expect(notFinite).toBe(0)
        // Twice the rounding of BF16, 2^-9, or three times that of FP16, 2^-12, which its angles have too; half that of FP8, 2^-4.
        const most = { BF16: 0.004, FP16: 0.0007, FP8: 0.031 }
        expect(relativeError).toBeLessThan(most[type as keyof typeof most] ?? most.BF16)
        expect(relativeError).toBeGreaterThan(0)
      }
    },
  )

  test.each(['8.0', '8.9', '9.0'])(
    'compiles for GPUs of compute capability %s, for every size of head',
    async (capability) => {
      const sizes =
        'print(min(len(compile_kernel(n, a, sys.argv[1], h)) for n in SIZES for a in (False, True) for h in {False, n == 64}))'
      const text = `import sys; sys.path.insert(0, ${JSON.stringify(code)}); from attention_kernel import *; ${sizes}`
      const child = Bun.spawnSync([compilerPython, '-B', '-c', text, capability])
      expect(child.stderr.toString()).toBe('')
      expect(Number(child.stdout.toString())).toBeGreaterThan(4096)
    },
  )

  test('takes from the tensors of a call what it is about', async () => {
    const text = `import sys; sys.path.insert(0, ${JSON.stringify(code)})
from types import SimpleNamespace as Tensor
from attention_plugin import shape_of
print(shape_of(Tensor(dims=[2, 51, 7680]), Tensor(dims=[4096, 64])), shape_of(Tensor(dims=[2, 51, 2304]), Tensor(dims=[12])))`
    const child = Bun.spawnSync([compilerPython, '-B', '-c', text])
    expect(child.stderr.toString()).toBe('')
    expect(child.stdout.toString()).toBe('(40, 64, False) (12, 64, True)\n')
  })

  test('an operator that fails leaves its reason for the message about the plan', async () => {
    const text = `import sys; sys.path.insert(0, ${JSON.stringify(code)})
from types import SimpleNamespace as Fake
from plugins import PROBLEMS, make_creator
def fail(*asked): raise RuntimeError('too little shared memory')
bases = ['IPluginV3', 'IPluginV3OneCore', 'IPluginV3OneBuild', 'IPluginV3OneRuntime', 'IPluginCreatorV3One']
trt = Fake(PluginField=Fake, PluginFieldCollection=list, PluginFieldType=Fake(INT32=5), **{name: type(name, (), {}) for name in bases})
operator = Fake(NAME='Failing', FIELDS=(), DEFAULTS={}, check=lambda given: None, enqueue=fail)
try: make_creator(trt, operator).create_plugin('one', [], None).enqueue(*6 * [None])
except RuntimeError: print(PROBLEMS)`
    const child = Bun.spawnSync([compilerPython, '-B', '-c', text])
    expect(child.stderr.toString()).toBe('')
    expect(child.stdout.toString()).toBe("['too little shared memory']\n")
  })

  test('says what is wrong where NVRTC is not there', async () => {
    const text = `import sys; sys.path = [${JSON.stringify(code)}, *(p for p in sys.path if 'site-packages' not in p)]
from attention_kernel import *
try: compile_kernel(64, False, '9.0')
except KernelError as error: print(error)`
    const child = Bun.spawnSync([compilerPython, '-B', '-c', text])
    expect(child.stdout.toString()).toContain('pip install nvidia-cuda-nvrtc')
  })
})
