import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The C library of this machine, as Debian lays it out, and its loader. */
const C_LIBRARY: Readonly<Record<string, { loader: string; folder: string }>> = {
  x64: { loader: '/lib64/ld-linux-x86-64.so.2', folder: '/lib/x86_64-linux-gnu' },
  arm64: { loader: '/lib/ld-linux-aarch64.so.1', folder: '/lib/aarch64-linux-gnu' },
}
const PARTS = ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1']

/** Makes `root` a root that has a C library and nothing else. */
export async function addCLibrary(root: string): Promise<void> {
  const { loader, folder } = C_LIBRARY[process.arch]!
  for (const path of [loader, ...PARTS.map((name) => join(folder, name))]) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await copyFile(path, join(root, path))
  }
}

const ENTER =
  'mount --rbind /proc "$0/proc" && exec "$(command -v chroot || echo /usr/sbin/chroot)" "$0" "$@"'

/**
 * Words before a command that run it in a root where nothing is but what `root` has, and /proc; undefined where the kernel
 * lets this user have no namespaces.
 */
export async function inRoot(root: string): Promise<readonly string[] | undefined> {
  await mkdir(join(root, 'proc'), { recursive: true })
  const words = ['unshare', '--map-root-user', '--mount']
  const { exitCode } = Bun.spawnSync([...words, 'mount', '--rbind', '/proc', join(root, 'proc')])
  return exitCode === 0 ? [...words, 'sh', '-c', ENTER, root] : undefined
}

const MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' }

/** The processor that a program or library is for, from its ELF header; undefined for a file of another kind. */
export function machineOf(bytes: Uint8Array): string | undefined {
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== '\x7fELF') return undefined
  const number = bytes[18]! | (bytes[19]! << 8)
  return MACHINES[number] ?? `machine ${number}`
}

/** The newest version of the C library, after `2.`, that a program or library asks for. */
export function glibcOf(bytes: Uint8Array): number {
  const names = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  return Math.max(0, ...Array.from(names.matchAll(/\0GLIBC_2\.(\d+)/g), ([, minor]) => Number(minor)))
}
