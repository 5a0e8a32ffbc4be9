import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { compile, compilerPython } from '../../../scripts/support/compile.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { PINS } from '../../../src/server/runtime/pins.ts'
import type { StandIns } from '../../support/gpu/standins.ts'
import { triton } from './support.ts'

const [{ packages: PACKAGES = [], tensorrt = '' } = {}] = PINS
const versionOf = (name: string) =>
  PACKAGES.find((each) => each.startsWith(`${name}==`))?.split('==')[1] ?? ''

/** The Python that the test server's own was made from; empty without one. */
export const basePython = hasTriton ? realPathOf(compilerPython) : ''

function realPathOf(python: string): string {
  const program = 'import os, sys; print(os.path.realpath(sys.executable))'
  return Bun.spawnSync([python, '-c', program]).stdout.toString().trim()
}

interface PackageOptions {
  /** Bytes of TensorRT's libraries. @default 1 MiB */
  readonly filler?: number
  /** A machine whose server and TensorRT they hold. @default the test server, and bindings that say their version only */
  readonly machine?: Pick<StandIns, 'path'>
}

/** Writes wheels for the first of the pinned environments. */
export async function makePackages(folder: string, { filler = 1 << 20, machine }: PackageOptions = {}) {
  mkdirSync(folder, { recursive: true })
  const source = join(folder, '..', 'nothing.c')
  writeFileSync(source, 'int getInferLibVersion(void) { return 100600; }\n')
  const library = join(folder, '..', 'nothing.so')
  await compile(source, library, '-shared', '-fPIC')
  const [python = ''] = readdirSync(join(triton, 'venv/lib'))
  const server = join(triton, 'package/pytriton/tritonserver')
  const asked = {
    tensorrt,
    cuda: versionOf('nvidia-cuda-runtime-cu12'),
    nvrtc: versionOf('nvidia-cuda-nvrtc-cu12'),
    server: machine === undefined ? join(server, 'bin/tritonserver') : join(machine.path, 'tritonserver'),
    backends: machine === undefined ? join(server, 'backends') : null,
    library: machine === undefined ? library : join(machine.path, '../runtime/libcudart.so.12'),
    packages: [
      join(triton, 'venv/lib', python, 'site-packages'),
      ...(machine === undefined ? [] : [join(machine.path, '../python')]),
    ],
    filler,
  }
  const made = Bun.spawnSync([basePython, resolve(import.meta.dir, 'make_packages.py'), folder], {
    stdin: Buffer.from(JSON.stringify(asked)),
  })
  if (!made.success) throw new Error(made.stderr.toString())
}

/** What goes wrong with a file, by a part of its name. */
export type Fault = 'missing' | 'cut once' | 'other bytes' | 'slow' | 'hanging'

/** A package index over HTTP, as PyPI is one, of the wheels in a folder. */
export async function packageIndex(folder: string) {
  const faults = new Map<string, Fault>()
  const downloads: string[] = []
  const files = readdirSync(folder).filter((name) => name.endsWith('.whl'))
  const nameOf = (file: string) => (file.split('-')[0] ?? '').replaceAll('_', '-')
  const faultOf = (file: string) => [...faults].find(([part]) => file.includes(part)) ?? ['', undefined]
  const server = createServer(async (request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/')
    if (kind === 'simple') {
      const own = files.filter((file) => nameOf(file) === name && faultOf(file)[1] !== 'missing')
      response.writeHead(own.length === 0 ? 404 : 200, { 'content-type': 'text/html' })
      return response.end(`<!DOCTYPE html><html><body>${own.map(link).join('\n')}</body></html>`)
    }
    downloads.push(name)
    const content = readFileSync(join(folder, name))
    const [part, fault] = faultOf(name)
    if (fault === 'other bytes') content[content.length - 1] = 1 ^ (content.at(-1) ?? 0)
    if (fault === 'slow') await Bun.sleep(400)
    if (fault === 'hanging') return
    response.writeHead(200, { 'content-length': content.length })
    if (fault !== 'cut once') return response.end(content)
    faults.delete(part)
    response.write(content.subarray(0, content.length >> 1), () => response.socket?.destroy())
    return response
  })
  const link = (file: string) => {
    const digest = new Bun.CryptoHasher('sha256').update(readFileSync(join(folder, file))).digest('hex')
    return `<a href="/files/${file}#sha256=${digest}">${file}</a>`
  }
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`
  return {
    faults,
    /** Files that were asked for, in order. */
    downloads,
    /** For pip. */
    env: { PIP_INDEX_URL: url, PIP_EXTRA_INDEX_URL: url, PIP_FIND_LINKS: '', PIP_NO_CACHE_DIR: '1' },
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
