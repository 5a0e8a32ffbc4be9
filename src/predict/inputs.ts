import { type BigIntStats, statSync } from 'node:fs'
import type { RunInput } from '../checkpoint/index.ts'
import { digestInput, type InputDigest, type InputSource, inspectInputs } from '../fasta/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { DataError, UsageError } from '../system/errors.ts'
import { fileIdentity } from '../system/regular-file.ts'

interface Watched {
  readonly source: InputSource
  /** Of a file as it was when the run began. */
  readonly stat: BigIntStats | undefined
  /** Size and digest; of a stream unknown until it has been read. */
  described: RunInput
  wasRead: boolean
}

/**
 * The inputs of a run. A file is described before the models work on it, so that another run is recognized in good
 * time; what counts is the digest of the bytes that were parsed, and both must be the same.
 */
export class RunInputs {
  readonly #inputs: readonly Watched[]

  private constructor(inputs: readonly Watched[]) {
    this.#inputs = inputs
  }

  /** @throws FastaError for an input that cannot be read */
  static async open(inputs: readonly string[], signal?: AbortSignal): Promise<RunInputs> {
    const watched: Watched[] = []
    for (const source of await inspectInputs(inputs)) {
      const { input: path, kind } = source
      if (kind === 'stream') {
        const described = { path, bytes: null, sha256: null }
        watched.push({ source, stat: undefined, described, wasRead: false })
      } else {
        const stat = statOf(path)
        const described = { path, ...(await digestInput(source, signal)) }
        watched.push({ source, stat, described, wasRead: false })
      }
    }
    return new RunInputs(watched)
  }

  get hasStreams(): boolean {
    return this.#inputs.some(({ source }) => source.kind === 'stream')
  }

  /** What "the same command" needs besides, for messages; empty where files are read again. */
  get sameBytes(): string {
    return this.hasStreams ? ', given the same bytes,' : ''
  }

  /** The error for inputs whose content is not that of the unfinished run. @param run - what it is, for the message */
  otherStream(run: string, part: number, detail: Detail): UsageError {
    const streams = this.described.map(({ path }) => path).join(', ')
    return new UsageError(
      `the unfinished run ${run} was not over what ${streams} holds now: part ${part} differs. Nothing of it ` +
        'was removed: give it the same bytes',
      { detail },
    )
  }

  /** Of all inputs, as stored; undefined while nobody knows how long a stream is. */
  get bytes(): number | undefined {
    const sizes = this.described.map(({ bytes }) => bytes)
    return sizes.includes(null) ? undefined : sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0)
  }

  /** As they are known now. */
  get described(): readonly RunInput[] {
    return this.#inputs.map(({ described }) => described)
  }

  /** Reads every stream to its end, only to know what it gives. */
  async digestStreams(signal?: AbortSignal): Promise<readonly RunInput[]> {
    for (const input of this.#inputs) {
      if (input.source.kind === 'file') continue
      input.described = { ...input.described, ...(await digestInput(input.source, signal)) }
    }
    return this.described
  }

  /**
   * Takes the digest of the bytes that were parsed.
   * @throws DataError when they are not those that the run began with
   */
  take(index: number, read: InputDigest): void {
    const input = this.#inputs[index] as Watched
    if (input.source.kind === 'file' && input.described.sha256 !== read.sha256)
      throw changed(input.described, read)
    input.described = { ...input.described, ...read }
    input.wasRead = true
  }

  /** Throws what is behind an error of reading, when that is a change of the file. */
  async blameChange(error: unknown): Promise<void> {
    if (looksDamaged(error)) await this.check()
  }

  /**
   * Looks whether the files are still as they were. Times prove nothing, so that a file that was touched is read again.
   * @throws DataError when one of them has changed since the run began
   */
  async check(signal?: AbortSignal): Promise<void> {
    for (const { source, stat, described, wasRead } of this.#inputs) {
      if (stat === undefined) continue
      const now = statOf(source.input)
      if (now !== undefined && fileIdentity(stat) === fileIdentity(now)) continue
      // What was parsed is proven; a file that is gone by then may have been moved away on purpose.
      if (now === undefined && wasRead) continue
      if (now === undefined) throw changed(described, undefined)
      const digest = await digestInput(source, signal)
      if (digest.sha256 !== described.sha256) throw changed(described, digest)
    }
  }
}

/** A file that others write to while it is read can look damaged. */
function looksDamaged(error: unknown): boolean {
  return error instanceof DataError && !(error instanceof ChangedInputError)
}

/** An input is not what the run began with. */
class ChangedInputError extends DataError {}

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

function changed({ path, bytes, sha256 }: RunInput, now: InputDigest | undefined): ChangedInputError {
  const before = `${bytes} bytes, sha256 ${sha256?.slice(0, 12)}`
  const after = now === undefined ? 'gone' : `${now.bytes} bytes, sha256 ${now.sha256.slice(0, 12)}`
  return new ChangedInputError(
    `the input ${path} has changed since the run began: ${before} -> ${after}. Nothing was marked finished. ` +
      'Put the file back as it was and start again',
    { detail: { code: 'input-changed', data: {} } },
  )
}
