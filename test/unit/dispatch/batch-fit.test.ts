import { expect, test } from 'bun:test'
import { padBatch, type TokenBatch } from '../../../src/batching/index.ts'
import { withAdvice } from '../../../src/cli/errors.ts'
import { BatchFit } from '../../../src/dispatch/batch-fit.ts'
import { InferenceError } from '../../../src/onnx/index.ts'
import type { Logger } from '../../../src/system/logger.ts'

/** A model whose embedding of a row is its first token, and whose memory holds so many tokens. */
function model(room: number, words: string) {
  const sizes: number[] = []
  const infer = async ({ inputIds, rows, paddedLength }: TokenBatch) => {
    sizes.push(inputIds.length)
    if (inputIds.length > room) throw new InferenceError(words)
    return Float32Array.from({ length: rows }, (_, row) => inputIds[row * paddedLength]!)
  }
  return { sizes, infer }
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => new Int32Array(10).fill(i))

test('a batch without memory is computed in pieces, and the option that avoids it is named once', async () => {
  const said: string[] = []
  const logger = { warn: (...words: Parameters<Logger['warn']>) => said.push(withAdvice(...words)) }
  for (const words of [
    'CUDA error: out of memory',
    'Failed to allocate memory for requested buffer of size 99',
    'std::bad_alloc',
  ]) {
    said.length = 0
    const fit = new BatchFit('dnabert_s in this process', 'dnabert_s', logger as unknown as Logger)
    const { sizes, infer } = model(60, words)
    const batch = padBatch(rows(20), 0)
    expect(await fit.run(batch, infer)).toEqual(Float32Array.from({ length: 20 }, (_, i) => i))
    expect(Math.max(...sizes.slice(2))).toBeLessThanOrEqual(100)
    // What it has learned holds for the next batch.
    sizes.length = 0
    await fit.run(batch, infer)
    expect(sizes).toEqual([50, 50, 50, 50])
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('dnabert_s in this process ran out of memory')
    expect(said[0]).toContain('--dnabert-batch-size 50 makes')
    expect(fit.done).toEqual({ batches: 8, sequences: 40, paddedTokens: 400 })
  }
})

test('another failure is passed on, and so is a single sequence that has no room', async () => {
  const fit = new BatchFit('esm2', 'esm2', undefined)
  expect(fit.run(padBatch(rows(20), 0), model(60, 'unexpected shape').infer)).rejects.toThrow(
    'unexpected shape',
  )
  expect(fit.run(padBatch(rows(1), 0), model(5, 'out of memory').infer)).rejects.toThrow('out of memory')
})
