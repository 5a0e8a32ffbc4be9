// Brings the published weights to this machine: from their addresses, a mirror, a cache or a disk.

export { PULLABLES, type Pullable, pullable, USUAL } from './catalogue.ts'
export type { Pulled, PullOptions } from './pull.ts'

/** Loaded when it is needed: whoever asks for a name only needs none of it. */
export async function pullModels(
  options: import('./pull.ts').PullOptions,
): Promise<import('./pull.ts').Pulled[]> {
  const { pullModels: pull } = await import('./pull.ts')
  return await pull(options)
}
