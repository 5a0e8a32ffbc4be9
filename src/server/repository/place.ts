import { copyFile, link } from 'node:fs/promises'

/** How files of a bundle get into a repository. */
export type Placement = 'link' | 'copy'

/**
 * Puts a file into place: as a hard link, which takes no room, or as a copy where the file system is another one or
 * has no links.
 */
export async function place(from: string, to: string, how: Placement): Promise<void> {
  if (how === 'link') {
    const linked = await link(from, to).then(
      () => true,
      () => false,
    )
    if (linked) return
  }
  await copyFile(from, to)
}
