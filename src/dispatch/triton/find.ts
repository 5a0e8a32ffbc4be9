import { connect as connectSocket } from 'node:net'
import { TritonError } from '#tritonclient-ts'
import { MODEL_NAMES, type ModelName } from '../../bundle/index.ts'
import type { Detail } from '../../system/error-codes.ts'
import { VirnucproError } from '../../system/errors.ts'
import { connect, describe } from './access.ts'
import { Agreement, type Contract } from './contract.ts'
import { ModelLane } from './lane.ts'

const MOST_SERVERS = 64
/** A program of this machine takes a connection in far less. */
const CONNECT_MS = 500

/** Something that listens where a server would, and why it cannot be used. */
export interface UnusableServer {
  readonly url: string
  readonly reason: string
  readonly detail: Detail | undefined
}

/** Ports to look at: the first server's, and how far apart those of further GPUs are. */
export interface UsualPorts {
  readonly first: number
  readonly step: number
}

/**
 * Which of some servers host exactly these models. One that does not say which weights its models were made from is not
 * used: nobody has asked for it by name. They are asked about their models only.
 */
export async function suitableServers(
  models: Record<ModelName, Contract>,
  candidates: readonly string[],
  signal?: AbortSignal,
): Promise<{ urls: string[]; unusable: UnusableServer[] }> {
  const urls: string[] = []
  const unusable: UnusableServer[] = []
  for (const url of candidates) {
    signal?.throwIfAborted()
    const error = await problem(url, models, signal)
    if (error === undefined) urls.push(url)
    else
      unusable.push({
        url,
        reason: describe(error),
        detail: error instanceof VirnucproError ? error.detail : undefined,
      })
  }
  return { urls, unusable }
}

/** Where something listens on this machine, at the ports that servers usually have, until nothing listens at the next. */
export async function usualServers(ports: UsualPorts): Promise<string[]> {
  const urls: string[] = []
  for (let i = 0; i < MOST_SERVERS; i++) {
    const port = ports.first + i * ports.step
    if (!(await listens(port))) break
    urls.push(`grpc://127.0.0.1:${port}`)
  }
  return urls
}

function listens(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connectSocket({ port, host: '127.0.0.1' })
    const end = (answer: boolean) => {
      socket.destroy()
      settle(answer)
    }
    socket.setTimeout(CONNECT_MS, () => end(false))
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** @returns why a server cannot be used; undefined where it can */
async function problem(
  url: string,
  models: Record<ModelName, Contract>,
  signal: AbortSignal | undefined,
): Promise<VirnucproError | TritonError | undefined> {
  using client = connect(url, {})
  try {
    for (const model of MODEL_NAMES)
      await new ModelLane(client, model, { agreement: new Agreement(models[model], false) }).check(signal)
    return undefined
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof VirnucproError || error instanceof TritonError) return error
    throw error
  }
}
