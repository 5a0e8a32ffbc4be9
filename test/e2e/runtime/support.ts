import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { compile } from '../../../scripts/support/compile.ts'
import type { TemporaryFolder } from '../../../scripts/support/temporary.ts'
import { tritonServer } from '../../../scripts/support/triton.ts'

export const triton = dirname(realpathSync(tritonServer))

export function script(path: string, body: string): string {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

/** A command line of TensorRT that says its version only, in the way of TensorRT's. */
export function trtexec(path: string, number: number): string {
  return script(path, `echo "&&&& RUNNING TensorRT.trtexec [TensorRT v${number}] [b26] # trtexec --help"`)
}

/**
 * The test server with a Python of its own, which has what the one of the test server has, and TensorRT's bindings with a
 * version and nothing else.
 *
 * @returns the server, its Python, and the file that holds the version
 */
export function serverWithBindings(folder: TemporaryFolder, version: string) {
  const original = readFileSync(join(triton, 'tritonserver'), 'utf8')
  const venv = folder.join('venv')
  const made = Bun.spawnSync([join(triton, 'venv/bin/python3'), '-m', 'venv', '--without-pip', venv])
  if (!made.success) throw new Error(made.stderr.toString())
  const lib = join(venv, 'lib')
  const packages = join(lib, readdirSync(lib)[0] ?? '', 'site-packages')
  const [python = ''] = readdirSync(join(triton, 'venv/lib'))
  writeFileSync(join(packages, 'more.pth'), join(triton, 'venv/lib', python, 'site-packages'))
  const bindings = join(packages, 'tensorrt_bindings.py')
  writeFileSync(bindings, `__version__ = "${version}"\n`)
  const serverBin = folder.join('tritonserver')
  writeFileSync(serverBin, original.replaceAll(join(triton, 'venv/bin'), join(venv, 'bin')))
  if (!readFileSync(serverBin, 'utf8').includes(venv))
    throw new Error(`${triton}/tritonserver is another script`)
  chmodSync(serverBin, 0o755)
  return { serverBin, python: join(venv, 'bin/python3'), bindings }
}

/** A folder with a CUDA runtime and a libnvinfer that say their version only. */
export async function libraries(folder: TemporaryFolder, nvinfer: number): Promise<string> {
  const lib = folder.join('lib')
  mkdirSync(lib)
  const source = folder.join('version.c')
  writeFileSync(source, `int getInferLibVersion(void) { return ${nvinfer}; }\n`)
  await compile(source, join(lib, 'libnvinfer.so.10'), '-shared', '-fPIC')
  symlinkSync('libnvinfer.so.10', join(lib, 'libcudart.so.12'))
  return lib
}

/** Backends of the test server beside those whose names are given. */
export function backendsWith(folder: TemporaryFolder, ...names: string[]): string {
  const backends = folder.join('backends')
  mkdirSync(backends)
  symlinkSync(join(triton, 'package/pytriton/tritonserver/backends/python'), join(backends, 'python'))
  for (const name of names) mkdirSync(join(backends, name))
  return backends
}
