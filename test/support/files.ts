import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The content of the files below a folder, by name. @param passedOver - names that do not count */
export function filesIn(folder: string, passedOver: RegExp): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name)
    if (!passedOver.test(name) && statSync(path).isFile()) files.set(name, readFileSync(path))
  }
  return files
}

/** Names of files that are not the same to the byte, or not in both. */
export function differences(a: ReadonlyMap<string, Buffer>, b: ReadonlyMap<string, Buffer>): string[] {
  const names = new Set([...a.keys(), ...b.keys()])
  return [...names].filter((name) => !a.get(name)?.equals(b.get(name) ?? Buffer.from('missing')))
}
