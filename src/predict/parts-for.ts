import type { RunUnderWay } from './run-under-way.ts'
import type { WindowPart } from './windows.ts'

/** The parts of a run on their way to a window. */
export async function* partsFor(of: RunUnderWay, pool?: unknown): AsyncGenerator<WindowPart<RunUnderWay>> {
  for await (const part of of.parts()) yield { ...part, of, pool, reuse: of.reuse }
}
