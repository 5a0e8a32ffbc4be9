import { volumeOf } from '../../machine/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

/** With less, a request waits for the answer to the last one; see docs/reference/repositories.md. */
const SOME_BYTES = 128 << 20

export default {
  id: 'shared-memory',
  title: 'Shared memory',
  about: 'room in `/dev/shm`, where a server passes batches between its processes',
  remedy: 'start the container with more: docker run --shm-size 2g',
  async examine({ sharedMemory, gpus, runtime }) {
    if ((await gpus()).length === 0 && (await runtime().catch(() => undefined)) === undefined)
      return undefined
    const { freeBytes } = await volumeOf(sharedMemory)
    const text = `${bytes(freeBytes)} are free in ${sharedMemory}`
    if (freeBytes >= SOME_BYTES) return ok(text)
    return warning(`${text}: a server on GPUs is slower with less than ${bytes(SOME_BYTES)}`, this.remedy)
  },
} satisfies Check
