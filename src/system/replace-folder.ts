import { rename, rm } from 'node:fs/promises'

/**
 * Gives a finished folder its final name. A folder that has the name already is kept until the new one is in its
 * place, and comes back when that fails.
 */
export async function replaceFolder(unfinished: string, output: string): Promise<void> {
  const old = `${unfinished}.old`
  await rm(old, { recursive: true, force: true })
  const replaced = await rename(output, old).then(
    () => true,
    () => false,
  )
  try {
    await rename(unfinished, output)
  } catch (error) {
    if (replaced) await rename(old, output).catch(() => {})
    throw error
  }
  if (replaced) await rm(old, { recursive: true, force: true })
}
