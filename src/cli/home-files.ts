import type { Owners } from '../home/index.ts'

/** How the home knows files of this program in what servers need. */
export const OWNERS: Owners = {
  async plans() {
    return (await import('../server/engines/index.ts')).isPlanFile
  },
  async repositories(folder) {
    return await (await import('../server/repository/index.ts')).ownsRepositoryFile(folder)
  },
  async isServer(path) {
    return await (await import('../server/runtime/index.ts')).isOwnServer(path)
  },
}
