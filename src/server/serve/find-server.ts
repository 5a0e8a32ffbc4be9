import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ServerNotFoundError } from './errors.ts'

/** Where NVIDIA's containers and packages put it. */
const USUAL_PLACE = '/opt/tritonserver/bin/tritonserver'

/** The server program that is there without being named, or undefined. */
export function findServer(): string | undefined {
  const onPath = Bun.which('tritonserver')
  if (onPath !== null) return onPath
  return isProgram(USUAL_PLACE) ? USUAL_PLACE : undefined
}

/**
 * The server program to start.
 *
 * @throws {ServerNotFoundError} when it is not there or cannot be run
 */
export function requireServer(named: string | undefined): string {
  if (named !== undefined) {
    const found = named.includes('/') ? resolve(named) : (Bun.which(named) ?? undefined)
    if (found !== undefined && isProgram(found)) return found
    throw new ServerNotFoundError(`--server-bin ${named}: there is no such program, or it may not be run`)
  }
  const found = findServer()
  if (found !== undefined) return found
  throw new ServerNotFoundError(
    `no Triton server found: there is no tritonserver on PATH and no ${USUAL_PLACE}. ` +
      'Name one with --server-bin, or use a container with --container',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
