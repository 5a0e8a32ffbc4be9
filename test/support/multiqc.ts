import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** MultiQC, installed by scripts/test-multiqc.sh. */
export const multiqc =
  process.env.VIRNUCPRO_TEST_MULTIQC ?? resolve(import.meta.dir, '../../.cache/multiqc/bin/multiqc')

/** True where it is present; in CI its absence is a failure, never a skip. */
export const hasMultiqc = existsSync(multiqc)
if (!hasMultiqc) {
  const message = `${multiqc} not found: run scripts/test-multiqc.sh; the tests that need it are skipped`
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(message)
}
