import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { compile, compilerPython } from '../../../scripts/support/compile.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'

const program = resolve(import.meta.dir, '../../support/gpu/encoder_layer.cpp')
const code = resolve(import.meta.dir, '../../../model_repository/python')

describe('the kernels between FP8 products', () => {
  // Of ESM-2 3B, 15B, 8M, and one whose tokens leave some threads without work.
  test.each([2560, 5120, 320, 48])(
    'round layer norms and GELU to FP8, in tokens of %d numbers',
    async (width) => {
      await using folder = temporaryFolder()
      const binary = folder.join('encoder_layer')
      await compile(program, binary, `-DWIDTH=${width}`)
      for (const tokens of [1, 19]) {
        const child = Bun.spawnSync([binary, String(tokens)])
        expect(child.stderr.toString()).toBe('')
        const { norm, gelu } = JSON.parse(child.stdout.toString())
        // Sums in FP32, and a polynomial, move what lies between two numbers of FP8 to the other.
        expect(norm.most).toBeLessThanOrEqual(1)
        expect(norm.differ).toBeLessThan(0.001)
        expect(gelu.most).toBeLessThanOrEqual(1)
        expect(gelu.differ).toBeLessThan(0.03)
      }
    },
  )

  test.each(['8.9', '9.0'])('compile for GPUs of compute capability %s', (capability) => {
    const text = `from attention_kernel import *
print(min(len(compile_file("encoder_layer.cu", {"WIDTH": width}, ${JSON.stringify(capability)})) for width in (320, 2560, 5120)))
print(len(compile_kernel(64, False, ${JSON.stringify(capability)}, out8=True)))`
    const [between, attention] = run(text).split('\n').map(Number)
    expect(between).toBeGreaterThan(4096)
    expect(attention).toBeGreaterThan(4096)
  })

  test('take from the tensors of a call what it is about', () => {
    const text = `from types import SimpleNamespace as Tensor
from encoder_plugin import shape_of
print(shape_of(*(Tensor(dims=dims) for dims in ([2, 51, 2560], [4096, 64])), [Tensor(dims=[outputs, 640]) for outputs in (7680, 2560, 10240)]))`
    expect(run(text)).toBe('(2560, 40, 10240)\n')
  })

  test('multiply with the cuBLASLt of a package before that of the system', async () => {
    await using folder = temporaryFolder()
    const source = folder.join('cublaslt.c')
    const words = 'const char *cublasLtGetStatusString(int code) { return ""; }'
    writeFileSync(source, `unsigned long cublasLtGetVersion(void) { return VERSION; }\n${words}\n`)
    const [system, packages] = [folder.join('system'), folder.join('packages/nvidia/cublas/lib')]
    for (const place of [system, packages]) mkdirSync(place, { recursive: true })
    await compile(source, join(system, 'libcublasLt.so.13'), '-shared', '-fPIC', '-DVERSION=130100')
    const version = (path: string) =>
      run(
        `import sys; sys.path.append(${JSON.stringify(path)})
from cublaslt import *
print(library().cublasLtGetVersion())`,
        { LD_LIBRARY_PATH: system },
      )
    expect(version(folder.join('packages'))).toBe('130100\n')
    await compile(source, join(packages, 'libcublasLt.so.12'), '-shared', '-fPIC', '-DVERSION=120604')
    expect(version(folder.join('packages'))).toBe('120604\n')
  })

  test('say what is wrong where cuBLASLt is not there', () => {
    const text = `import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]
from cublaslt import *
try: library()
except KernelError as error: print(error)`
    expect(run(text)).toContain('pip install nvidia-cublas-cu12')
  })
})

function run(text: string, env: Record<string, string> = {}): string {
  const path = `import sys; sys.path.insert(0, ${JSON.stringify(code)})\n`
  const child = Bun.spawnSync([compilerPython, '-B', '-c', path + text], { env: { ...process.env, ...env } })
  expect(child.stderr.toString()).toBe('')
  return child.stdout.toString()
}
