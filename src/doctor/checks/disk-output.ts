import { access, constants } from 'node:fs/promises'
import { volumeOf } from '../../machine/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

/** Scores, journal and tables of some million frames; features of one window (docs/explanation/architecture.md). */
const SOME_BYTES = 2e9
const FEW_BYTES = 2e8

export default {
  id: 'disk-output',
  title: 'Disk of the results',
  about: 'whether results can be written in the current folder, and room for them',
  remedy: 'virnucpro predict --output-dir DIR',
  async examine({ cwd }) {
    const { freeBytes, network } = await volumeOf(cwd)
    const canWrite = await access(cwd, constants.W_OK).then(
      () => true,
      () => false,
    )
    if (!canWrite) return warning(`nothing can be written in the current folder, ${cwd}`, this.remedy)
    const text = `${bytes(freeBytes)} are free in the current folder${network === undefined ? '' : `, on ${network}`}`
    if (freeBytes >= SOME_BYTES) return ok(text)
    return freeBytes >= FEW_BYTES ? warning(text, this.remedy) : problem(text, this.remedy)
  },
} satisfies Check
