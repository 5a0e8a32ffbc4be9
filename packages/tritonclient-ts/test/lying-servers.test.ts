import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { BROKEN_HEADERS, FLOODS, LIES, type Lie } from './lies/lies.ts'
import { serveLies } from './lies/serve.ts'
import { installPackage, run, underNodeWith } from './node.ts'
import type { Seen } from './programs/lies.ts'

// Whatever a server sends: the call ends, with the answer that every byte of it says or with one error that names the fault.

const folder = temporaryFolder()
let installed: string
beforeAll(async () => {
  installed = await installPackage(folder.path)
}, 60_000)
afterAll(() => folder[Symbol.asyncDispose]())

type Client = (servers: string, how: string) => Promise<Record<string, Seen>>

/** See `BROKEN_HEADERS`: what Node does not collect, it does not abort over. */
const WITHOUT_COLLECTIONS = ['--min-semi-space-size=128', '--max-semi-space-size=128']

const CLIENTS: Readonly<Record<string, Client>> = {
  Bun: async (servers, how) => {
    const [program, source] = ['programs/main.ts', '../src/index.ts'].map((path) =>
      join(import.meta.dir, path),
    )
    return JSON.parse(await run([process.execPath, program!, source!, 'lies', servers, how]))
  },
  Node: (servers, how) =>
    underNodeWith(how === 'together' ? WITHOUT_COLLECTIONS : [], installed, 'lies', servers, how),
}

async function ask(client: Client, lies: Readonly<Record<string, Lie>>, how: string) {
  await using servers = await serveLies(lies)
  const seen = await client(JSON.stringify(servers.asked), how)
  const unexpected = Object.entries(lies).flatMap(([name, { ends }]) => {
    const found = seen[name]
    return found !== undefined && ends.includes(found.end) ? [] : [{ name, ends, ...found }]
  })
  expect(unexpected).toEqual([])
  return seen
}

describe.each(Object.entries(CLIENTS))('under %s', (runtime, client) => {
  test('what is not the protocol, or not an answer, is an error with its reason', async () => {
    const seen = await ask(client, runtime === 'Node' ? LIES : { ...LIES, ...BROKEN_HEADERS }, 'together')
    expect(seen['two messages']?.message).toContain('the answer has more than one message')
    expect(seen['half of a message']?.message).toContain('the answer has no message, or half of one')
    expect(seen['compressed in words only']?.message).toContain('compressed, and not as its headers say')
    expect(seen['a message of 4 GiB less one']?.message).toContain(
      'announced with 4294967295 bytes, at most 67108864 are taken',
    )
  }, 120_000)

  test('floods end with the call, and take no memory meanwhile', async () => {
    const seen = await ask(client, FLOODS, 'one by one')
    expect(seen['data without end']?.message).toContain(
      'announced with 2147483647 bytes, at most 67108864 are taken',
    )
    expect(seen['a gigabyte in a megabyte']?.message).toContain('decompresses to more than 67108864 bytes')
    // The largest answer that is taken, twice, and what the runtime has not collected yet.
    const large = Object.entries(seen).filter(([, { grewMb }]) => grewMb > 256)
    expect(large).toEqual([])
  }, 120_000)
})
