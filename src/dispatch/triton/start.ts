import { type TritonClient, TritonError } from 'tritonclient-ts'
import { MODEL_NAMES, type ModelName } from '../../bundle/index.ts'
import { VirnucproError } from '../../system/errors.ts'
import type { TritonOptions } from './backend.ts'
import { OtherModelError } from './contract.ts'
import { AccessError, accessError, describe, type ModelLane } from './endpoint.ts'

/** No server answers, or none finishes anything; the run can be continued. */
export class NoServerError extends VirnucproError {}

/** Between two rounds of questions. */
const PAUSE_MS = 200

export const TIMEOUT_ADVICE = '--server-timeout changes how long they are waited for'

/**
 * Waits until one server at least has both models ready, and asks each server what it hosts.
 *
 * @throws NoServerError after the timeout; AccessError; OtherModelError when one hosts something else
 */
export async function askServers(
  clients: readonly TritonClient[],
  lanes: Record<ModelName, readonly ModelLane[]>,
  options: TritonOptions,
): Promise<void> {
  const { serverTimeout, logger, signal } = options
  const end = Date.now() + serverTimeout * 1000
  const all = MODEL_NAMES.flatMap((model) => lanes[model])
  for (;;) {
    await anyReady(clients, end, options)
    const problems = await askAll(all, signal)
    if (MODEL_NAMES.every((model) => lanes[model].some(({ isKnown }) => isKnown))) {
      for (const [{ name }, problem] of problems) logger.warn(`${name} does not answer yet: ${problem}`)
      break
    }
    signal?.throwIfAborted()
    if (Date.now() >= end) throw noServer(serverTimeout, [...problems.values()][0] ?? '')
    await Bun.sleep(PAUSE_MS)
  }
}

/** @returns those that gave no answer, and why */
async function askAll(
  lanes: readonly ModelLane[],
  signal: AbortSignal | undefined,
): Promise<Map<ModelLane, string>> {
  const problems = new Map<ModelLane, string>()
  for (const lane of lanes) {
    const problem = lane.isKnown ? undefined : await ask(lane, signal)
    if (problem !== undefined) problems.set(lane, problem)
  }
  return problems
}

/** @returns why it could not be asked: a server that is down now may come later, one with the wrong model never helps */
async function ask(lane: ModelLane, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    await lane.check(signal)
    return undefined
  } catch (error) {
    const refused = accessError(error)
    if (refused !== undefined) throw refused
    if (error instanceof OtherModelError) throw error
    return describe(error)
  }
}

function noServer(seconds: number, reason: string): NoServerError {
  return new NoServerError(
    `no inference server with both models has answered for ${seconds} s (${reason}). ` +
      `Start the servers and give the same command again; ${TIMEOUT_ADVICE}`,
    { kind: 'unavailable' },
  )
}

async function anyReady(
  clients: readonly TritonClient[],
  end: number,
  { serverTimeout, signal }: TritonOptions,
): Promise<void> {
  const done = new AbortController()
  const wait = {
    models: MODEL_NAMES,
    deadlineMs: Math.max(1, end - Date.now()),
    signal: either(signal, done.signal),
  }
  let refuse = (_: AccessError) => {}
  const refused = new Promise<never>((_, reject) => {
    refuse = reject
  })
  const answers = clients.map(async (client) => {
    try {
      await client.waitUntilReady(wait)
    } catch (error) {
      // Whoever names a server wants it used: that it lets nobody in should not come out hours later.
      const problem = done.signal.aborted ? undefined : accessError(error)
      if (problem !== undefined) refuse(problem)
      throw error
    }
  })
  try {
    await Promise.race([Promise.any(answers), refused])
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof AccessError) throw error
    const first = error instanceof AggregateError ? error.errors[0] : error
    if (first instanceof TritonError && first.reason === 'deadline')
      throw noServer(serverTimeout, describe(first))
    throw new NoServerError(`no inference server can be used: ${describe(first)}`, {
      kind: 'unavailable',
    })
  } finally {
    done.abort()
  }
}

function either(a: AbortSignal | undefined, b: AbortSignal): AbortSignal {
  return a === undefined ? b : AbortSignal.any([a, b])
}
