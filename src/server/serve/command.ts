import { resolve } from 'node:path'
import type { ServerPlan } from './options.ts'

/** A program to start and what it differs in from this process's environment. */
export interface ServerCommand {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/**
 * Arguments of a server that work in a container too.
 *
 * `--exit-on-error=false`: a server with a broken model stays up long enough to be asked why.
 */
export function serverArguments(plan: ServerPlan): string[] {
  return [
    '--disable-auto-complete-config',
    '--exit-on-error=false',
    `--exit-timeout-secs=${plan.drainTimeout}`,
    ...plan.args,
  ]
}

/** A server program of this machine. */
export function nativeCommand(
  plan: ServerPlan,
  native: {
    readonly serverBin: string
    readonly backendDirectory?: string | undefined
    readonly libraryPath?: string | undefined
    /** What the shared-memory regions of its Python models are called. */
    readonly regionPrefix: string
  },
): ServerCommand {
  const { http, grpc, metrics } = plan.ports
  const directory = native.backendDirectory
  const libraries = [native.libraryPath, process.env.LD_LIBRARY_PATH].filter((path) => path)
  return {
    argv: [
      native.serverBin,
      `--model-repository=${resolve(plan.repository)}`,
      ...(directory === undefined ? [] : [`--backend-directory=${resolve(directory)}`]),
      ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=${plan.address}`),
      `--http-port=${http}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
      `--backend-config=python,shm-region-prefix-name=${native.regionPrefix}`,
      ...serverArguments(plan),
    ],
    env: {
      ...(native.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraries.join(':') }),
      ...(plan.gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: plan.gpu }),
    },
  }
}

/** A command as one would type it into a shell. */
export function shellCommand({ argv, env }: ServerCommand): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`)
  return [...assignments, ...argv.map(shellWord)].join(' ')
}

/** A word with the quotes that a shell needs. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
