import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import * as source from '../src/index.ts'
import { installPackage, underNode } from './node.ts'
import { CONTRACT, contract, type Measured } from './programs/contract.ts'
import { writeRepository } from './repository.ts'

describe.skipIf(!hasTriton)(
  '3,000 requests of up to 40 MB, both ways, 1 to 32 in flight, arrive byte for byte',
  () => {
    const folder = temporaryFolder()
    let server: TritonServer

    beforeAll(async () => {
      const repository = writeRepository(folder.join('models'), ['echo'])
      server = await startTriton({ repository })
    }, 120_000)
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })

    function check({ rates, ...rest }: Measured): void {
      if (process.env.VIRNUCPRO_TEST_VERBOSE) console.log(rates.join('\n'))
      expect(rest).toEqual({ requests: 3000, wrong: 0, errors: [] })
    }

    test('the loads are 3,000 requests', () => {
      expect(CONTRACT.reduce((sum, { requests }) => sum + requests, 0)).toBe(3000)
    })

    test('under Bun', async () => check(await contract(source, server.grpcUrl)), 120_000)

    test('under Node, with the packed package', async () => {
      const installed = await installPackage(folder.join('node'))
      check(await underNode<Measured>(installed, 'contract', server.grpcUrl))
    }, 120_000)
  },
)
