// Brings the published weights to this machine: from their addresses, a mirror, a cache or a disk.

export { PULLABLES, type Pullable, pullable, USUAL } from './catalogue.ts'
export type { Pulled, PullOptions } from './pull.ts'

/**
 * Where a model is on this machine: among the weights in a folder, or where another program has put it. Asks no other machine.
 * Undefined where it is not, or not whole.
 */
export async function findPulled(
  model: import('./catalogue.ts').Pullable,
  folder: string,
): Promise<string | undefined> {
  return await (await import('./pull.ts')).findPulled(model, folder)
}

/** Loaded when it is needed: whoever asks for a name only needs none of it. */
export async function pullModels(
  options: import('./pull.ts').PullOptions,
): Promise<import('./pull.ts').Pulled[]> {
  const { pullModels: pull } = await import('./pull.ts')
  return await pull(options)
}
