import { inNamespacesOf } from './tools.ts'

/** Disks of their own, which nobody else sees and which end with this process. */
export interface Disks extends AsyncDisposable {
  /** Words before a command that see these disks. */
  readonly within: readonly string[]
  /** A path on these disks, for this process. */
  at(path: string): string
  /** Calls `mount`. */
  mount(...words: string[]): Promise<void>
  umount(path: string): Promise<void>
}

/** Makes a namespace of mounts. @throws where the system allows none */
export async function startDisks(): Promise<Disks> {
  const holder = Bun.spawn(
    ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', 'echo there; exec sleep infinity'],
    { stdout: 'pipe', stderr: 'inherit' },
  )
  const { value } = await holder.stdout.getReader().read()
  if (value === undefined) throw new Error('no namespace of mounts can be made here')
  const within = inNamespacesOf(holder.pid, 'mount')
  const call = async (...words: string[]) => {
    const child = Bun.spawn([...within, ...words], { stderr: 'pipe' })
    const said = await new Response(child.stderr).text()
    if ((await child.exited) !== 0) throw new Error(`${words.join(' ')}: ${said}`)
  }
  return {
    within,
    at: (path) => `/proc/${holder.pid}/root${path}`,
    mount: (...words) => call('mount', ...words),
    umount: (path) => call('umount', path),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL')
      await holder.exited
    },
  }
}
