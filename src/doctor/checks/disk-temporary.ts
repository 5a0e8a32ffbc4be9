import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { freeBytes } from '../../machine/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

/** Standard input and the names of records are kept there while they are read. */
const SOME_BYTES = 1e9

export default {
  id: 'disk-temporary',
  title: 'Temporary files',
  about: 'whether the folder for temporary files (`TMPDIR`) can be written to, and room in it',
  remedy: 'export TMPDIR=DIR',
  async examine({ cwd, environment }) {
    const folder = resolve(cwd, environment.TMPDIR || environment.TMP || environment.TEMP || '/tmp')
    try {
      await access(folder, constants.W_OK)
    } catch {
      return problem(`nothing can be written in the folder for temporary files, ${folder}`, this.remedy)
    }
    const free = await freeBytes(folder)
    const text = `${bytes(free)} are free in ${folder}`
    return free >= SOME_BYTES ? ok(text) : warning(text, this.remedy)
  },
} satisfies Check
