import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { compile } from '../../../scripts/support/compile.ts'
import type { TemporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, tritonServer } from '../../../scripts/support/triton.ts'
import { containerEngines } from '../../../src/server/serve/index.ts'

/** Folder of the test server; it need not be there. */
export const triton = hasTriton ? dirname(realpathSync(tritonServer)) : ''

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
 * version and nothing else. The program knows where the libraries are; the bindings ask for one of them.
 *
 * @returns the server, its Python, and the file that holds the version
 */
export function serverWithBindings(folder: TemporaryFolder, version: string, lib: string) {
  const original = readFileSync(join(triton, 'tritonserver'), 'utf8')
  const venv = folder.join('venv')
  const made = Bun.spawnSync([join(triton, 'venv/bin/python3'), '-m', 'venv', '--without-pip', venv])
  if (!made.success) throw new Error(made.stderr.toString())
  const own = join(venv, 'lib')
  const packages = join(own, readdirSync(own)[0] ?? '', 'site-packages')
  const [python = ''] = readdirSync(join(triton, 'venv/lib'))
  writeFileSync(join(packages, 'more.pth'), join(triton, 'venv/lib', python, 'site-packages'))
  const bindings = join(packages, 'tensorrt_bindings.py')
  writeFileSync(bindings, bindingsOf(version))
  const serverBin = folder.join('tritonserver')
  const changed = original.replaceAll(join(triton, 'venv/bin'), join(venv, 'bin'))
  writeFileSync(serverBin, changed.replace('LD_LIBRARY_PATH="', `LD_LIBRARY_PATH="${lib}:`))
  if (!readFileSync(serverBin, 'utf8').includes(venv))
    throw new Error(`${triton}/tritonserver is another script`)
  chmodSync(serverBin, 0o755)
  return { serverBin, python: join(venv, 'bin/python3'), bindings }
}

export function bindingsOf(version: string): string {
  return `import ctypes\nctypes.CDLL("libnvinfer.so.10")\n__version__ = "${version}"\n`
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

/** A machine with engines alone: the server and TensorRT are in the images. */
export function engines(
  folder: string,
  inside: string,
  names: readonly string[] = containerEngines,
): Record<string, string> {
  for (const name of ['bin', 'state']) mkdirSync(`${folder}/${name}`, { recursive: true })
  const words = (name: string) =>
    [Bun.which('python3') ?? '', resolve(import.meta.dir, 'engine.py'), name, `${folder}/state`, inside].map(
      (word) => `'${word}'`,
    )
  for (const name of names) script(`${folder}/bin/${name}`, `exec ${words(name).join(' ')} "$@"`)
  script(`${folder}/bin/nvidia-ctk`, 'echo nvidia.com/gpu=all')
  return { PATH: `${folder}/bin:/usr/bin:/bin`, VIRNUCPRO_HOME: `${folder}/home` }
}
