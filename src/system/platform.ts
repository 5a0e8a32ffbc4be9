import { UnavailableError } from './errors.ts'

const NAMES: Readonly<Record<string, string>> = { darwin: 'macOS', win32: 'Windows' }

/** The system, as people call it. */
export function platformName(): string {
  return NAMES[process.platform] ?? process.platform
}

/**
 * For what only Linux has: servers and TensorRT plans for the GPUs of this machine.
 * @throws UnavailableError on any other system
 */
export function requireLinux(what: string): void {
  if (process.platform !== 'linux') refuse(what)
}

/**
 * For what takes process groups and a shell, such as servers, which are ended with every process that they have started.
 * @throws UnavailableError on Windows
 */
export function requireProcessGroups(what: string): void {
  if (process.platform === 'win32') refuse(what)
}

function refuse(what: string): never {
  const detail = { code: 'other-platform', data: { windows: process.platform === 'win32' } } as const
  throw new UnavailableError(`${what} on ${platformName()}: that needs Linux`, { detail })
}
