import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { predict, predictSamples } from '../../../src/predict/index.ts'
import { completeOptions, type PredictOptions, type PredictRequest } from '../../../src/settings/index.ts'
import { mergeRuns, SHARDS_FILE, shardInputs } from '../../../src/shards/index.ts'
import { cutEnd, flipBit } from '../../support/faults/damage.ts'
import { differences } from '../../support/files.ts'
import { recurringFasta } from '../predict/recurring.ts'
import type { Draw, Settings, Source, Stop, Where } from './draws.ts'
import { otherRows, type Rows, resultsOf, rowsOf } from './equal.ts'
import type { ExactServers } from './servers.ts'

const STEM = 'reads'
/** A server that disturbs nothing. */
const CALM: Where = { servers: 1, slowMs: 0, refuses: 0, seed: 1 }
const silent = { debug() {}, note() {}, info() {}, warn() {}, error() {} }

/** What runs compute with. */
export interface Means {
  readonly servers: ExactServers
  /** Folder of a bundle in INT8. */
  readonly quantized: string
}

/** What was compared, over all draws. */
export interface Tally {
  draws: number
  runs: number
  interruptions: number
  files: number
  rows: number
}

export const newTally = (): Tally => ({ draws: 0, runs: 0, interruptions: 0, files: 0, rows: 0 })

/**
 * Runs one input in several ways and compares: in this process and undisturbed; with the same settings, but interrupted, on
 * servers, from another source, to the byte; and with other batches, up to the last digits.
 *
 * @throws with everything that is not equal
 */
export async function compareWays(drawn: Draw, { servers, quantized }: Means, tally: Tally): Promise<void> {
  await using folder = temporaryFolder()
  const isExact = drawn.models === 'fp32'
  // The servers have the models of the demonstration.
  const draw = isExact ? drawn : { ...drawn, onServers: false }
  const ways = new Ways(draw, folder.path, servers, quantized, tally)
  await ways.plain()
  await ways.disturbed()
  // In INT8 more than the last digits depends on the batch.
  if (isExact) await ways.other()
  tally.draws++
}

const NEVER = new AbortController().signal

/** How a start goes, and where it ends. */
interface Limits {
  /** @default in this process */
  readonly where?: Where | undefined
  readonly threads?: number
  /** Null for that of the input. */
  readonly prefix?: string | null
  readonly debug?: (message: string) => void
  readonly signal?: AbortSignal
}

class Ways {
  readonly #draw: Draw
  readonly #folder: string
  readonly #servers: ExactServers
  readonly #quantized: string
  readonly #tally: Tally
  readonly #records: readonly string[]

  constructor(draw: Draw, folder: string, servers: ExactServers, quantized: string, tally: Tally) {
    this.#draw = draw
    this.#quantized = quantized
    this.#folder = folder
    this.#servers = servers
    this.#tally = tally
    const { seed, count, recurring } = draw.records
    const text = recurring ? recurringFasta(seed, count) : randomFasta(seed, count, 700)
    this.#records = text.split(/^(?=>)/m)
    writeFileSync(this.#at('reads.fa'), text)
  }

  /** The reference: this process and one thread or one server that answers at once, from files. */
  async plain(): Promise<void> {
    const { source, settings } = this.#draw
    const inputs = await this.#inputs(source === 'two files' ? source : 'file')
    await this.#run(this.#at('plain'), inputs, settings, { where: this.#draw.onServers ? CALM : undefined })
  }

  async disturbed(): Promise<void> {
    const { source, stops, where, settings, onServers } = this.#draw
    const output = this.#at('disturbed')
    const start = async (limits: Limits) => this.#run(output, await this.#inputs(source), settings, limits)
    for (const stop of stops) await this.#interrupted(output, stop, start)
    await start({ where: onServers ? where : undefined })
    this.#requireBytes(this.#at('plain'), output)
  }

  #requireBytes(plain: string, disturbed: string): void {
    const [expected, made] = [resultsOf(plain), resultsOf(disturbed)]
    this.#tally.files += expected.size
    const different = differences(made, expected)
    if (different.length > 0) throw new Error(`not the same bytes: ${different.join(', ')}`)
  }

  async other(): Promise<void> {
    const { other } = this.#draw
    const expected = rowsOf(this.#at('plain'))
    let found: Rows
    if (other.kind === 'settings') found = await this.#otherSettings(other.settings, other.threads)
    else if (other.kind === 'samples') found = await this.#samples(other.parts, other.settings, other.stops)
    else if (other.kind === 'shards') found = await this.#shards(other.parts, other.settings)
    else if (other.kind === 'moved') found = await this.#moved(other.stop)
    else return this.#require(sorted(expected), sorted(await this.#otherOrder(other.seed)))
    this.#require(expected, found)
  }

  #require(expected: Rows, found: Rows): void {
    this.#tally.rows += expected.frames.length + expected.chunks.length + expected.records.length
    const different = otherRows(expected, found)
    if (different.length > 0) throw new Error(`${this.#draw.other.kind}: not equal\n${different.join('\n')}`)
  }

  async #moved(stop: Stop): Promise<Rows> {
    const { onServers, settings } = this.#draw
    const output = this.#at('moved')
    const start = (limits: Limits) => this.#run(output, [this.#at('reads.fa')], settings, limits)
    await this.#interrupted(output, stop, start)
    await start({ where: onServers ? undefined : stop.where })
    return rowsOf(output)
  }

  async #otherSettings(settings: Settings, threads: number): Promise<Rows> {
    const output = this.#at('other')
    await this.#run(output, [this.#at('reads.fa')], this.#alike(settings), { threads })
    return rowsOf(output)
  }

  async #otherOrder(seed: number): Promise<Rows> {
    const random = randomSource(seed)
    const keys = new Map(this.#records.map((record) => [record, random()]))
    const shuffled = [...this.#records].sort((a, b) => keys.get(a)! - keys.get(b)!)
    mkdirSync(this.#at('shuffled'))
    writeFileSync(this.#at('shuffled', 'reads.fa'), shuffled.join(''))
    const output = this.#at('order')
    await this.#run(output, [this.#at('shuffled', 'reads.fa')], this.#draw.settings)
    return rowsOf(output)
  }

  /** Each part of the input is a sample of one start, which is then made again and disturbed. */
  async #samples(parts: number, settings: Settings, stops: readonly Stop[]): Promise<Rows> {
    const { onServers, where } = this.#draw
    const samples = this.#pieces(parts).map((text, i) => {
      const path = this.#at(`sample_${i}.fa`)
      writeFileSync(path, text)
      return { name: `s${i}`, inputs: [path] }
    })
    const start = async (output: string, limits: Limits) => {
      const { request, context } = this.#request(output, this.#alike(settings), limits)
      const options = await complete({ ...request, inputs: samples.flatMap(({ inputs }) => inputs) })
      const { samples: outcomes } = await predictSamples(samples, options, context)
      const failed = outcomes.filter(({ status }) => status !== 'finished')
      if (failed.length > 0) throw new Error(`samples failed: ${JSON.stringify(failed)}`)
    }
    const output = this.#at('samples')
    await start(output, { where: onServers ? CALM : undefined })
    const stopped = this.#at('samples-stopped')
    for (const stop of stops) await this.#interrupted(stopped, stop, (limits) => start(stopped, limits))
    if (stops.length > 0) {
      await start(stopped, { where: onServers ? where : undefined })
      this.#requireBytes(output, stopped)
    }
    return joined(samples.map(({ name }) => rowsOf(join(output, name))))
  }

  async #shards(parts: number, settings: Settings): Promise<Rows> {
    const shards = this.#at('shards')
    const policy = { onInvalid: 'auto', duplicateIds: 'fail', allowEmpty: false, force: false } as const
    await shardInputs(
      { inputs: [this.#at('reads.fa')], outputDir: shards, size: { shards: parts }, gzip: false, ...policy },
      { logger: silent },
    )
    const folders: string[] = []
    for (const [i, name] of [...new Bun.Glob('*.fasta').scanSync(shards)].sort().entries()) {
      const output = this.#at(`run-${i}`)
      await this.#run(output, [join(shards, name)], this.#alike(settings), { prefix: null })
      folders.push(output)
    }
    const outputDir = this.#at('merged')
    const manifest = join(shards, SHARDS_FILE)
    await mergeRuns({ folders, outputDir, manifest, force: false, report: false }, { logger: silent })
    return rowsOf(outputDir)
  }

  /** Settings of another run which is to give the same rows: what decides those is as in the first one. */
  #alike(settings: Settings): Settings {
    return { ...settings, expectedLength: this.#draw.settings.expectedLength }
  }

  /** Neighbouring records together, in order. */
  #pieces(parts: number): string[] {
    const size = Math.ceil(this.#records.length / parts)
    return Array.from({ length: parts }, (_, i) =>
      this.#records.slice(i * size, (i + 1) * size).join(''),
    ).filter((text) => text !== '')
  }

  async #inputs(source: Source): Promise<string[]> {
    const plain = this.#at('reads.fa')
    if (source === 'file') return [plain]
    if (source === 'gzip') {
      const path = this.#at('reads.fa.gz')
      writeFileSync(path, Bun.gzipSync(this.#records.join('')))
      return [path]
    }
    if (source === 'two files') {
      const paths = this.#pieces(2).map((text, i) => {
        const path = this.#at(`half_${i}.fa`)
        writeFileSync(path, text)
        return path
      })
      return paths
    }
    const path = this.#at('pipe.fa')
    if (!existsSync(path)) Bun.spawnSync(['mkfifo', path])
    Bun.spawn(['sh', '-c', `exec cat '${plain}' > '${path}'`], { stderr: 'ignore' })
    return [path]
  }

  /** A start that ends after some batches; the output folder is then as that has left it, or damaged. */
  async #interrupted(output: string, stop: Stop, start: (limits: Limits) => Promise<void>): Promise<void> {
    const { after, how, damage, where } = stop
    const controller = new AbortController()
    const copy = `${output}.killed`
    let batches = 0
    const debug = (message: string) => {
      if (!message.startsWith('computed ') || batches++ !== after) return
      // What is on the disk now is what a killed process would leave.
      if (how === 'killed') snapshot(output, copy)
      controller.abort(new Error('stopped by the test'))
    }
    this.#tally.interruptions++
    try {
      await start({ where: this.#draw.onServers ? where : undefined, debug, signal: controller.signal })
    } catch (error) {
      if (!controller.signal.aborted) throw error
    }
    if (existsSync(copy)) {
      rmSync(output, { recursive: true })
      renameSync(copy, output)
    }
    if (damage !== 'none') damageJournal(output, damage, randomSource(where.seed))
  }

  async #run(
    output: string,
    inputs: readonly string[],
    settings: Settings,
    limits: Limits = {},
  ): Promise<void> {
    const { request, context } = this.#request(output, settings, limits)
    await predict(await complete({ ...request, inputs: [...inputs] }), context)
  }

  /** What a start is asked for but its inputs. Servers behave from now on as the limits have it. */
  #request(output: string, { windowFrames, ...settings }: Settings, limits: Limits) {
    const { where, threads = 1, prefix, debug = () => {}, signal = NEVER } = limits
    const triton = this.#servers.urls(where?.servers ?? 0)
    if (where !== undefined) this.#servers.behave({ ...where, random: randomSource(where.seed) })
    this.#tally.runs++
    const request = {
      outputDir: output,
      prefix: prefix === null ? undefined : (prefix ?? STEM),
      ...this.#common(),
      ...settings,
      threads,
      backend: triton.length > 0 ? 'triton' : 'onnx',
      triton,
    } as const
    return { request, context: { logger: { ...silent, debug }, signal, windowFrames } }
  }

  #common() {
    const { layout, keepIntermediate, models } = this.#draw
    const isExact = models === 'fp32'
    return {
      bundle: isExact ? 'demo' : this.#quantized,
      recheck: models === 'int8, rechecked' ? 'on' : 'off',
      // The small classifier is for chunks of one length.
      anyLength: !isExact,
      layout,
      keepIntermediate,
      report: false,
      metrics: false,
      serverTimeout: 60,
    } as const
  }

  #at(...parts: string[]): string {
    return join(this.#folder, ...parts)
  }
}

/** Files that are written to where they lie; all others appear whole. */
const GROWING = /\.(journal|log|jsonl|lock)$/

/**
 * Keeps a folder as a kill at this moment would leave it. Files that are whole keep their inodes, by which a run knows what had its name
 * before the record of its files could say so.
 */
function snapshot(from: string, to: string): void {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    try {
      if (entry.isDirectory()) snapshot(source, target)
      else if (GROWING.test(entry.name)) copyFileSync(source, target)
      else linkSync(source, target)
    } catch (error) {
      // An unfinished file that is gone a moment later.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Cuts off one of the journals of unfinished runs somewhere, or changes a bit of it. */
function damageJournal(folder: string, damage: 'cut' | 'flipped', random: () => number): void {
  if (!existsSync(folder)) return
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const journals = names.filter((name) => name.endsWith('.journal')).sort()
  const name = journals[Math.floor(random() * journals.length)]
  if (name === undefined) return
  const harm = damage === 'cut' ? cutEnd : flipBit
  harm(join(folder, name), random)
}

/** As for a program, but for a limit of the disk that is far below a gigabyte. */
async function complete({
  reuseDisk,
  ...request
}: PredictRequest & { reuseDisk: number; outputDir: string }) {
  const options: PredictOptions = await completeOptions(request)
  return { ...options, outputDir: request.outputDir, reuseDisk }
}

function joined(rows: readonly Rows[]): Rows {
  return {
    frames: rows.flatMap(({ frames }) => frames),
    chunks: rows.flatMap(({ chunks }) => chunks),
    records: rows.flatMap(({ records }) => records),
  }
}

/** By id: another order of the input gives the rows in another one. */
function sorted({ frames, chunks, records }: Rows): Rows {
  const byKey = (rows: readonly string[][], columns: number) => {
    const key = (row: readonly string[]) => row.slice(0, columns).join('\t')
    return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  }
  return { frames: byKey(frames, 1), chunks: byKey(chunks, 2), records: byKey(records, 1) }
}
