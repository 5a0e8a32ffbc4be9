import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type ModelName, openBundle, pairOf, writeBounds } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { type Answer, type FakeServer, startFake } from '../dispatch/support/fake-server.ts'

/** How servers behave while a run uses them: in which order they answer, and what they refuse at first. */
export interface Temper {
  /** Longest time that an answer waits, so that answers overtake each other. */
  readonly slowMs: number
  /** A batch whose number this divides is refused when it comes for the first time; 0 refuses none. */
  readonly refuses: number
  random(): number
}

/**
 * Servers with the models of the demonstration, which compute with ONNX Runtime itself: what they answer is what this process
 * would compute, but for last digits, which depend on the batch. When they answer, and whether at the first time, is up to their temper.
 */
export class ExactServers implements AsyncDisposable {
  readonly #servers: readonly FakeServer[]
  readonly #sessions: ReadonlyMap<string, InferenceSession>
  #temper: Temper = { slowMs: 0, refuses: 0, random: Math.random }
  /** Batches that came, by their content. */
  #seen = new Set<bigint>()

  private constructor(
    servers: readonly FakeServer[],
    sessions: ReadonlyMap<string, InferenceSession>,
    register: (self: ExactServers) => void,
  ) {
    this.#servers = servers
    this.#sessions = sessions
    register(this)
  }

  /** @param instances - of each model, for each server: how many batches it is given at once */
  static async start(instances: readonly number[]): Promise<ExactServers> {
    const bundle = await openBundle('demo')
    const sessions = new Map<string, InferenceSession>()
    for (const model of ['esm2', 'dnabert_s'] as const) sessions.set(model, await sessionOf(bundle, model))
    let self: ExactServers | undefined
    const infer: Parameters<typeof startFake>[0] = {
      infer: (request) => self!.#answer(request),
    }
    const servers = await Promise.all(instances.map((count) => startFake({ ...infer, instances: count })))
    return new ExactServers(servers, sessions, (made) => {
      self = made
    })
  }

  /** Addresses of the first so many. */
  urls(count: number): string[] {
    return this.#servers.slice(0, count).map(({ url }) => url)
  }

  behave(temper: Temper): void {
    this.#temper = temper
    this.#seen = new Set()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server[Symbol.dispose]()
    for (const session of this.#sessions.values()) await session.release()
  }

  async #answer(
    request: Parameters<NonNullable<Parameters<typeof startFake>[0]>['infer'] & {}>[0],
  ): Promise<Answer> {
    const { modelName, modelVersion, inputs, rawInputContents } = request
    const { slowMs, refuses, random } = this.#temper
    const content = Bun.hash.wyhash(rawInputContents[0]!, BigInt(modelName.length))
    const isNew = !this.#seen.has(content)
    this.#seen.add(content)
    if (slowMs > 0) await Bun.sleep(random() * slowMs)
    if (refuses > 0 && isNew && content % BigInt(refuses) === 0n) return 'INTERNAL'
    const [rows = 0, columns = 0] = inputs[0]!.shape.map(Number)
    const [ids, lengths] = rawInputContents.map(numbersOf)
    const { embedding } = await this.#sessions.get(modelName)!.run({
      input_ids: new Tensor('int32', ids!, [rows, columns]),
      lengths: new Tensor('int32', lengths!, [rows]),
    })
    const numbers = embedding!.data as Float32Array
    mark(numbers, Number(content % 7n))
    return {
      modelName,
      modelVersion,
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: embedding!.dims.map(BigInt) }],
      rawOutputContents: [new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)],
    }
  }
}

/**
 * Changes last digits by what the batch is, so that scores move by some 1e-7. So small a model gives most sequences the same digits in
 * another batch, and nobody would see that batches are not those of an undisturbed run.
 */
function mark(numbers: Float32Array, steps: number): void {
  for (let at = 0; at < numbers.length; at++) numbers[at]! *= 1 + steps * 2 ** -21
}

async function sessionOf(
  bundle: Awaited<ReturnType<typeof openBundle>>,
  model: ModelName,
): Promise<InferenceSession> {
  const path = bundle.pathOf(bundle.manifest.models[model].graph)
  return await InferenceSession.create(path, { intraOpNumThreads: 1 })
}

/** A copy, which begins at a whole number wherever the bytes lie. */
function numbersOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(new Uint8Array(bytes).buffer)
}

/** Makes a bundle of small random models in INT8 with their partner, in a folder, and returns where it is. */
export async function quantizedBundle(folder: string): Promise<string> {
  const models = await writeRandomModels(folder)
  const output = join(folder, 'int8')
  const bundle = await importModels({ ...models, precision: 'int8', recheck: 'on', output })
  // Stated in place of measured, so that there is something to confirm: how far logits may be off.
  await writeBounds(bundle, [
    {
      ...pairOf(bundle.manifest)!.digests,
      frames: 9,
      factor: 1.25,
      classifier: bundle.manifest.models.mlp.graph.sha256,
      backend: 'test',
      seed: 1,
      classes: [{ upTo: 200, bound: 0.1, frames: 9, largest: 0.08 }],
      measured: new Date(0).toISOString(),
    },
  ])
  return output
}
