import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TritonClient } from 'tritonclient-ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import {
  freePorts,
  hasTriton,
  startTriton,
  type TritonServer,
  versionFolder,
} from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository as checkout, virnucpro } from '../../support/cli.ts'

const MODELS = ['esm2', 'dnabert_s'] as const
/** Of these the server is killed, and another one started in its place. */
const KILLS = 3
const EXCHANGES = 20
/** What a batch takes, so that a run is still going on at the last of them. */
const BATCH_SECONDS = 0.02
const SEED = Number(process.env.VIRNUCPRO_TEST_SEED ?? 20_261)

/**
 * Stands for a model: quick to load, and what it gives depends on the sequence and on which model it is.
 */
const STAND_IN = `
import json, os, time
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.width = int(config["output"][0]["dims"][1])
        self.seconds = float(os.environ["VIRNUCPRO_TEST_SECONDS"])
        self.mark = (int(config["parameters"]["digest"]["string_value"][:8], 16) % 1000) / 1000

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        time.sleep(self.seconds)
        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "lengths").as_numpy()
        steps = np.arange(1, self.width + 1)
        rows = [np.cos(self.mark + steps * float(row[:n].sum())) for row, n in zip(ids, lengths)]
        return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", np.asarray(rows, np.float32))])
`

/** The repository of a bundle, with stand-ins for its models. */
async function standIns(bundle: string, output: string): Promise<string> {
  await buildRepository({ bundle, backend: 'python', output })
  for (const model of MODELS) {
    await writeFile(join(versionFolder(output, model), 'model.py'), STAND_IN)
    const config = join(output, model, 'config.pbtxt')
    // A warm-up is of no use here.
    await writeFile(config, (await readFile(config, 'utf8')).replace(/model_warmup \[[\s\S]*$/, ''))
  }
  return output
}

/** The demonstration bundle with changed weights of the same size, or in another precision. */
async function otherBundle(path: string, change: 'weights' | 'precision'): Promise<string> {
  await cp(join(checkout, 'examples/demo-bundle'), path, { recursive: true })
  for (const model of change === 'weights' ? MODELS : []) {
    const file = join(path, model, 'weights.bin')
    const bytes = await readFile(file)
    bytes.writeFloatLE(0.25, 64)
    await writeFile(file, bytes)
  }
  resealBundle(path, (manifest) => {
    if (change === 'precision') manifest.precision = 'int8'
  })
  return path
}

/** From 0 to 1, from a seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe.skipIf(!hasTriton)('a server that another one takes the place of', () => {
  const folder = temporaryFolder()
  const served = folder.join('served')
  const input = folder.join('in.fa')
  const others: Record<'weights' | 'precision', string> = { weights: '', precision: '' }
  let own = ''

  beforeAll(async () => {
    own = await standIns('demo', folder.join('own'))
    for (const change of ['weights', 'precision'] as const) {
      const bundle = await otherBundle(folder.join(`bundle-${change}`), change)
      others[change] = await standIns(bundle, folder.join(`other-${change}`))
    }
    await cp(own, served, { recursive: true })
    const random = randomOf(7)
    const dna = (length: number) => Array.from({ length }, () => 'ACGC'[Math.floor(random() * 4)]).join('')
    await writeFile(
      input,
      Array.from({ length: 420 }, (_, i) => `>r${i}\n${dna(90 + Math.floor(random() * 200))}\n`).join(''),
    )
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  const start = (repository: string, ports: TritonServer['ports'], seconds = BATCH_SECONDS) =>
    startTriton({ repository, models: MODELS, ports, env: { VIRNUCPRO_TEST_SECONDS: String(seconds) } })
  const predict = (name: string, url: string) =>
    virnucpro([
      ...['predict', input, '--output-dir', folder.join(name), '--bundle', 'demo', '--token-budget', '220'],
      ...['--no-progress', '--verbose', '--log-file', folder.join(`${name}.log`), '--triton', url],
    ])
  const table = (name: string) => readFile(folder.join(name, 'in_merged/prediction_results.txt'), 'utf8')

  /** Puts the model of another repository where the server finds its own. */
  async function place(model: string, from: string): Promise<void> {
    await rm(join(served, model), { recursive: true, force: true })
    await cp(join(from, model), `${served}.${model}`, { recursive: true })
    await rename(`${served}.${model}`, join(served, model))
  }

  /** Kills the server and has another one at its address for a moment. */
  async function replace(
    server: TritonServer,
    other: string,
    moment: () => Promise<void>,
  ): Promise<TritonServer> {
    await server.kill('SIGKILL')
    const taking = await start(other, server.ports)
    await moment()
    await taking.kill('SIGKILL')
    return await start(served, server.ports)
  }

  /** Loads another model behind the open connection, and its own again after a moment. */
  async function reload(
    server: TritonServer,
    other: string,
    model: (typeof MODELS)[number],
    { unload, moment }: { unload: boolean; moment: () => Promise<void> },
  ): Promise<void> {
    using client = new TritonClient(server.grpcUrl)
    const digest = async () => (await client.modelConfig(model)).parameters.digest?.stringValue
    const before = await digest()
    await place(model, other)
    if (unload) await client.unloadModel(model)
    await client.loadModel(model)
    expect(await digest()).not.toBe(before)
    await moment()
    await place(model, own)
    await client.loadModel(model)
    expect(await digest()).toBe(before)
  }

  /** A run that goes on meanwhile; its log tells how far it is. */
  function observed(name: string, url: string) {
    const state = { over: false }
    const run = predict(name, url).finally(() => {
      state.over = true
    })
    const batches = async () => {
      const log = await readFile(folder.join(`${name}.log`), 'utf8').catch(() => '')
      return log.match(/computed (esm2|dnabert_s)/g)?.length ?? 0
    }
    /** Until some more batches are done. */
    const goOn = async () => {
      const from = await batches()
      while (!state.over && (await batches()) < from + 2) await Bun.sleep(20)
    }
    return { state, run, goOn }
  }

  test(`never gives a run a row, ${EXCHANGES} times at random moments`, async () => {
    console.log(`seed ${SEED}`)
    const random = randomOf(SEED)
    const moment = () => Bun.sleep(random() * 250)
    {
      await using quick = await start(served, await freePorts(), 0)
      expect((await predict('undisturbed', quick.grpcUrl)).code).toBe(0)
    }
    let server = await start(served, await freePorts())
    try {
      const { state, run, goOn } = observed('disturbed', server.grpcUrl)
      for (let i = 0; i < EXCHANGES; i++) {
        await goOn()
        await moment()
        expect(state.over).toBe(false)
        const other = others[i % 2 === 0 ? 'weights' : 'precision']
        if (i % Math.floor(EXCHANGES / KILLS) === 3) server = await replace(server, other, moment)
        else await reload(server, other, MODELS[i % 4 < 2 ? 0 : 1], { unload: i % 3 === 0, moment })
      }
      expect(state.over).toBe(false)
      const { code, stderr } = await run
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
      // Compared as one value: of a difference no more than that there is one is of interest.
      expect((await table('disturbed')) === (await table('undisturbed'))).toBe(true)
      expect(stderr).toMatch(/hosts model \w+ in int8 now, and the run is computed with model \w+ in fp32/)
    } finally {
      await server.kill('SIGKILL')
    }
  })
})
