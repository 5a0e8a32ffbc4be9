import { homeFolder, isHomeReadOnly, writableFolder } from '../../home/index.ts'
import { freeBytes } from '../../machine/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

/** What a run, a repository and leftovers may take. */
const SOME_BYTES = 1e9
/** Published weights, and the bundle that is made from them; see the table of sizes in docs/reference/models.md. */
const SETUP_BYTES = 19e9
/** The same models in a precision of GPUs, and plans for one kind of GPU. */
const GPU_BYTES = 13e9

export default {
  id: 'disk-home',
  title: 'Disk of the home',
  about: 'room for weights, bundles and plans',
  remedy: 'virnucpro home clean',
  async examine({ environment, bundle, gpus: findGpus, home }) {
    const readOnly = await isHomeReadOnly(environment)
    const folder = await writableFolder(environment)
    const free = await freeBytes(folder)
    const [gpus, isSetUp, record] = await Promise.all([
      findGpus(),
      bundle().then(
        (found) => found !== undefined,
        () => false,
      ),
      home().catch(() => undefined),
    ])
    const forGpus = gpus.length > 0 && record?.gpu === undefined ? GPU_BYTES : 0
    const needed = (isSetUp || readOnly ? SOME_BYTES : SETUP_BYTES) + forGpus
    const text = `${bytes(free)} are free in ${folder}`
    if (free >= needed) return ok(text)
    if (needed <= SOME_BYTES) return warning(text, this.remedy)
    const elsewhere = 'free some space, or name another folder for the home with VIRNUCPRO_HOME'
    return warning(
      `${text}, and setting up ESM-2 3B takes about ${bytes(needed)} in ${homeFolder(environment)}`,
      elsewhere,
    )
  },
} satisfies Check
