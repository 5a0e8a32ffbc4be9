import { mkdir, readdir, symlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { repository } from '../../support/cli.ts'

/** The Node that the package promises to run under; see scripts/test-node.sh. */
export const node = resolve(repository, '.cache/node/node')

/** The machine's, without which nothing is fetched where a proxy signs what it lets through. */
const CERTIFICATES = Object.fromEntries(
  ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

export interface RunOptions {
  cwd: string
  env?: Readonly<Record<string, string>>
}

/** Runs a command in an environment of nothing but what is given. Throws with all that it printed when it fails. */
export async function run(words: readonly string[], { cwd, env = {} }: RunOptions): Promise<string> {
  const child = Bun.spawn([...words], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...CERTIFICATES, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${words.join(' ')}:\n${out}${err}`)
  return out
}

/** Packs this checkout, or a package of it, as for publishing, and returns the path of the tarball. */
export async function pack(folder: string, from = repository): Promise<string> {
  await mkdir(folder, { recursive: true })
  // npm needs a home for its logs.
  await run(['npm', 'pack', '--silent', '--pack-destination', folder], { cwd: from, env: { HOME: folder } })
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error(`npm pack left nothing in ${folder}`)
  return join(folder, tarball)
}

/** A folder to install into, with a home of its own, and programs on the path before those of this machine. */
export class EmptyPlace {
  readonly app: string
  readonly env: Record<string, string>

  private constructor(folder: string) {
    this.app = join(folder, 'app')
    this.env = {
      HOME: join(folder, 'home'),
      TMPDIR: join(folder, 'tmp'),
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      NO_COLOR: '1',
    }
  }

  static async make(folder: string): Promise<EmptyPlace> {
    const place = new EmptyPlace(folder)
    for (const name of ['app', 'home', 'tmp', 'bin']) await mkdir(join(folder, name), { recursive: true })
    // Who uses Bun has it on the path; here it is a program of the development dependencies.
    await symlink(process.execPath, join(folder, 'bin/bun'))
    await Bun.write(
      join(place.app, 'package.json'),
      '{ "name": "app", "version": "1.0.0", "private": true, "type": "module" }',
    )
    return place
  }

  async run(...words: string[]): Promise<string> {
    return await run(words, { cwd: this.app, env: this.env })
  }
}

/** A proxy that lets nobody through but to the package registry, and keeps the names of all other hosts that were asked for. */
export async function registryOnly(): Promise<
  AsyncDisposable & { env: Record<string, string>; refused: string[] }
> {
  const registry = new URL((await run(['npm', 'config', 'get', 'registry'], { cwd: repository })).trim())
  const refused: string[] = []
  const server = createServer((client) => {
    client.once('data', (head) => {
      const [, host = '', port = ''] = /^CONNECT ([^ :]+):(\d+) /.exec(head.toString('latin1')) ?? []
      if (host !== registry.hostname) {
        refused.push(host || head.toString('latin1').split('\r\n', 1)[0]!)
        client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
        return
      }
      joinStreams(client, connect(Number(port), host), 'HTTP/1.1 200 Connection established\r\n\r\n')
    })
    client.on('error', () => client.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  const url = `http://127.0.0.1:${port}`
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy', 'GLOBAL_AGENT_HTTPS_PROXY']
  return {
    env: Object.fromEntries(names.map((name) => [name, url])),
    refused,
    [Symbol.asyncDispose]: () => new Promise((done) => void server.close(() => done())),
  }
}

function joinStreams(client: Socket, server: Socket, greeting: string): void {
  server.once('connect', () => {
    client.write(greeting)
    client.pipe(server).pipe(client)
  })
  for (const each of [client, server])
    each.on('error', () => {
      client.destroy()
      server.destroy()
    })
}
