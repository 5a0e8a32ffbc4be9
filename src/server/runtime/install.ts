import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { serverLock, withHomeLock, writablePlace } from '../../home/index.ts'
import { freeBytes } from '../../machine/index.ts'
import { bytesBelow } from '../../system/disk-usage.ts'
import { createFolder } from '../../system/replace-folder.ts'
import { isThere } from '../../system/same-file.ts'
import { cannotWrite } from '../../system/system-error.ts'
import { bytes } from '../../text/numbers.ts'
import { RuntimeError } from './errors.ts'
import { NVIDIA_INDEX } from './pins.ts'
import { pip } from './pip.ts'
import { libraryName, type PrivatePlan, privateRuntime, readServer, SERVER_FILE, works } from './private.ts'
import { pythonFacts } from './python-facts.ts'
import type { Runtime } from './runtime.ts'
import { serverFacts } from './server-facts.ts'

export interface InstallOptions {
  /** Called with what is being done. */
  readonly onProgress?: ((message: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A package is unpacked to so many times its size, at most about. */
const UNPACKED = 3.5
/** Which of a pin's packages is on NVIDIA's index. */
const ON_NVIDIA_INDEX = /^tensorrt-cu12-libs==/

/**
 * Makes a private server: whole or not at all. What is there already is kept; packages that an interrupted installation has
 * downloaded are not downloaded again; two installations at once are one.
 *
 * @throws RuntimeError when packages are missing, differ from what their index says, or do not work here; WriteError
 */
export async function installPrivate(plan: PrivatePlan, options: InstallOptions): Promise<Runtime> {
  const { onProgress = () => {}, signal } = options
  const { folder, pin, gpus } = plan
  const work = async (lockSignal: AbortSignal): Promise<Runtime> => {
    const there = await readServer(folder)
    if (there !== undefined && (await works(folder, pin, lockSignal)))
      return privateRuntime(folder, there, gpus)
    await new Installation(plan, onProgress, lockSignal).run()
    const record = await readServer(folder)
    if (record === undefined) throw new RuntimeError(`${folder} was made, and cannot be used`)
    return privateRuntime(folder, record, gpus)
  }
  return await withHomeLock(serverLock(pin.name), work, {
    signal,
    onWait: (owner) => onProgress(`waiting for ${owner}`),
  })
}

/** One installation under the lock. */
class Installation {
  readonly #plan: PrivatePlan
  readonly #say: (message: string) => void
  readonly #signal: AbortSignal

  constructor(plan: PrivatePlan, onProgress: (message: string) => void, signal: AbortSignal) {
    this.#plan = plan
    this.#say = onProgress
    this.#signal = signal
  }

  async run(): Promise<void> {
    const { folder, pin } = this.#plan
    this.#say(`with ${this.#plan.python.path}, Python ${this.#plan.python.version}`)
    // On the disk of the folder, so that a full one is found out there, and not in the folder for temporary files.
    const downloads = join(await writablePlace('cache'), 'packages', pin.name)
    await requireRoom(this.#plan, downloads)
    await mkdir(downloads, { recursive: true }).catch(cannotWrite(downloads))
    await this.#withPip(downloads, async (python) => {
      const packages = this.#plan.wheels === undefined ? await this.#download(python, downloads) : undefined
      const request = {
        output: folder,
        // A folder of ours that does not work any more.
        force: true,
        what: 'server',
        marker: SERVER_FILE,
        // Python writes files of its own into it.
        ownsFile: async () => () => true,
        refusal: (message: string, problem: object) => new RuntimeError(message, problem),
      }
      await createFolder(request, (unfinished) => this.#fill(unfinished, python, downloads, packages))
    })
    await rm(downloads, { recursive: true, force: true })
  }

  /** The Python's own pip, or one of an environment that is made for it. */
  async #withPip(folder: string, work: (python: string) => Promise<void>): Promise<void> {
    const { path, pip: kind } = this.#plan.python
    if (kind === 'own') return await work(path)
    const environment = await mkdtemp(join(folder, 'pip-')).catch(cannotWrite(folder))
    try {
      await this.#run([path, '-m', 'venv', environment], `pip of ${path}`)
      await work(join(environment, 'bin/python3'))
    } finally {
      await rm(environment, { recursive: true, force: true })
    }
  }

  /** Files of the packages. Those of one group have a folder, which appears when they are whole. */
  async #download(python: string, downloads: string): Promise<string[]> {
    const { python: base, pin } = this.#plan
    const { server, packages, products } = pin
    const isLarge = (name: string) => ON_NVIDIA_INDEX.test(name)
    const isForProducts = (name: string) => name === products?.name
    const groups = {
      // Some are for one version of Python.
      [`server-${base.version}`]: [
        server,
        ...packages.filter((name) => !isLarge(name) && !isForProducts(name)),
      ],
      libraries: packages.filter(isLarge),
      // Not in every installation.
      products: packages.filter(isForProducts),
    }
    const files: string[] = []
    for (const [group, names] of Object.entries(groups)) {
      if (names.length === 0) continue
      const folder = join(downloads, group)
      if (!(await isThere(folder))) await this.#downloadGroup(python, names, folder)
      files.push(...(await readdir(folder)).map((file) => join(folder, file)))
    }
    return files
  }

  async #downloadGroup(python: string, names: readonly string[], folder: string): Promise<void> {
    const what = `downloading ${names.join(', ')}`
    this.#say(what)
    const unfinished = await mkdtemp(join(dirname(folder), 'part-')).catch(cannotWrite(folder))
    try {
      const files = join(unfinished, 'files')
      await this.#pip(
        python,
        ['download', '--dest', files, ...nvidiaIndex(names), ...names],
        unfinished,
        what,
      )
      await rename(files, folder)
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
  }

  async #fill(
    unfinished: string,
    python: string,
    downloads: string,
    files: readonly string[] | undefined,
  ): Promise<void> {
    const { pin, python: base, wheels } = this.#plan
    await this.#run(
      [base.path, '-m', 'venv', '--without-pip', join(unfinished, 'venv')],
      `an environment of ${base.path}`,
    )
    const packages = join(unfinished, 'venv/lib', `python${base.version}`, 'site-packages')
    const from = wheels === undefined ? [] : ['--find-links', resolve(wheels)]
    const names = files ?? [pin.server, ...pin.packages]
    const what = `unpacking Triton ${pin.triton}, TensorRT ${pin.tensorrt} and what they need`
    this.#say(what)
    const args = ['install', '--no-index', ...from, '--no-compile', '--target', packages, ...names]
    await this.#pip(python, args, downloads, what)
    await placeServer(unfinished, base)
    this.#say('starting the server once')
    await this.#check(unfinished)
    const installed = (await readdir(packages)).filter((name) => name.endsWith('.dist-info'))
    const record = {
      format: 'virnucpro-server',
      version: 1,
      name: pin.name,
      triton: pin.triton,
      tensorrt: pin.tensorrt,
      python: base.version,
      packages: installed.map((name) => name.slice(0, -'.dist-info'.length)).sort(),
      installed: new Date().toISOString(),
    }
    await writeFile(join(unfinished, SERVER_FILE), `${JSON.stringify(record, null, 2)}\n`)
  }

  /** The new environment must work before it gets its name. */
  async #check(unfinished: string): Promise<void> {
    const { pin } = this.#plan
    const facts = await pythonFacts(join(unfinished, 'python'), {}, this.#signal)
    const refuse = (problem: string) =>
      new RuntimeError(`the packages of a private server were installed, and do not work here: ${problem}`)
    if (typeof facts === 'string') throw refuse(`Python ${facts}`)
    if (facts.tensorrt !== pin.tensorrt)
      throw refuse(facts.problem ?? `TensorRT is ${facts.tensorrt}, expected ${pin.tensorrt}`)
    const server = await serverFacts({ serverBin: join(unfinished, 'tritonserver') }, this.#signal)
    if (server.tensorrt !== pin.tensorrt)
      throw refuse(`in the server, ${server.problem ?? 'TensorRT is another'}`)
    if (!server.answers) throw refuse(`the server answers with empty tensors (numpy ${server.numpy})`)
    if (!server.runtime) throw refuse('the server finds no CUDA runtime')
  }

  async #pip(python: string, args: readonly string[], temporary: string, what: string): Promise<void> {
    await pip({ python, args, temporary, what, onProgress: this.#say, signal: this.#signal })
  }

  async #run(command: string[], what: string): Promise<void> {
    const child = Bun.spawn(command, {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
      signal: this.#signal,
    })
    const [words, code] = await Promise.all([child.stderr.text(), child.exited])
    this.#signal.throwIfAborted()
    if (code !== 0) throw new RuntimeError(`${what} cannot be made: ${words.trim().split('\n').at(-1) ?? ''}`)
  }
}

/** Extra indexes of the user replace NVIDIA's: one of them must have TensorRT's libraries, such as a mirror. */
function nvidiaIndex(names: readonly string[]): string[] {
  const { PIP_EXTRA_INDEX_URL, PIP_NO_INDEX } = process.env
  const isWanted = names.some((name) => ON_NVIDIA_INDEX.test(name)) && !PIP_EXTRA_INDEX_URL && !PIP_NO_INDEX
  return isWanted ? ['--extra-index-url', NVIDIA_INDEX] : []
}

/** Checks the free disk space before anything is written. */
async function requireRoom(plan: PrivatePlan, downloads: string): Promise<void> {
  const { wheels } = plan
  const [needed, what] =
    wheels === undefined
      ? [plan.diskBytes + Math.max(0, plan.downloadBytes - (await bytesBelow(downloads))), 'in the meantime']
      : [Math.min(plan.diskBytes, UNPACKED * (await bytesBelow(wheels))), '']
  const free = await freeBytes(plan.folder)
  if (free >= needed) return
  throw new RuntimeError(
    `${dirname(plan.folder)}: a private server needs about ${bytes(needed)} of disk ${what}`.trimEnd() +
      `, and ${bytes(free)} are free`,
    { kind: 'inputOutput', detail: { code: 'no-room-in-home', data: {} } },
  )
}

/**
 * The server's Python backend for this Python, and the two programs. Nothing in them depends on where the folder lies.
 *
 * The server starts its Python processes with `python3` of PATH as their home, and nothing of PYTHONPATH reaches them.
 */
async function placeServer(folder: string, { version, library }: PrivatePlan['python']): Promise<void> {
  const packages = `venv/lib/python${version}/site-packages`
  const triton = `${packages}/pytriton/tritonserver`
  const server = join(folder, triton)
  const stub = join(server, 'python_backend_stubs', version, 'triton_python_backend_stub')
  const backend = join(server, 'backends/python/triton_python_backend_stub')
  await copyFile(stub, backend).catch((cause: unknown) => {
    throw new RuntimeError(`the package of the server has no Python backend for Python ${version}`, { cause })
  })
  for (const program of [backend, join(server, 'bin/tritonserver')]) await chmod(program, 0o755)
  await mkdir(join(folder, 'lib'))
  await symlink(library, join(folder, 'lib', libraryName(version)))
  const libraries = [
    'lib',
    `${packages}/tensorrt_libs`,
    `${packages}/nvidia/cuda_runtime/lib`,
    `${packages}/nvidia/cuda_nvrtc/lib`,
    `${packages}/nvidia/cublas/lib`,
    `${packages}/nvidia_pytriton.libs`,
  ]
  const head = `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit
export LD_LIBRARY_PATH="${libraries.map((path) => `$here/${path}`).join(':')}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PATH="$here/venv/bin:$PATH"
`
  const programs = {
    tritonserver: `exec "$here/${triton}/bin/tritonserver" --backend-directory="$here/${triton}/backends" "$@"`,
    python: 'exec "$here/venv/bin/python3" -E "$@"',
  }
  for (const [name, command] of Object.entries(programs)) {
    await writeFile(join(folder, name), `${head}${command}\n`)
    await chmod(join(folder, name), 0o755)
  }
}
