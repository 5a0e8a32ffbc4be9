import { resolve } from 'node:path'
import { isInstalled } from '../../scripts/support/installed.ts'

/** MultiQC, installed by scripts/test-multiqc.sh. */
export const multiqc =
  process.env.VIRNUCPRO_TEST_MULTIQC ?? resolve(import.meta.dir, '../../.cache/multiqc/bin/multiqc')

/** True where it is present. */
export const hasMultiqc = isInstalled(multiqc, 'scripts/test-multiqc.sh')
