import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type PredictRequest, type Progress, predict, UsageError } from '../../../src/index.ts'
import { repository, succeed } from '../../support/cli.ts'

const contigs = join(repository, 'examples/contigs.fasta')
const table = 'contigs_merged/prediction_results.txt'

test('input and output folder are all that a run needs to be told; it is the run of the command line', async () => {
  await using folder = temporaryFolder()
  const heard: Progress[] = []
  const { frames, failedParts, paths } = await predict(
    { inputs: [contigs], outputDir: folder.join('library'), bundle: 'demo' },
    { onProgress: (progress) => heard.push(progress) },
  )
  expect({ frames, failedParts, root: paths.root }).toEqual({
    frames: 31,
    failedParts: 0,
    root: folder.join('library'),
  })
  expect(heard.at(-1)?.frames).toEqual({ prepared: 31, done: 31, expected: 31 })
  await succeed('predict', contigs, '--output-dir', folder.join('program'), '--bundle', 'demo')
  expect(await readFile(folder.join('library', table), 'utf8')).toBe(
    await readFile(folder.join('program', table), 'utf8'),
  )
})

test('what the environment says is not for a program', async () => {
  await using folder = temporaryFolder()
  process.env.VIRNUCPRO_LAYOUT = 'broad'
  try {
    await predict({ inputs: [contigs], outputDir: folder.path, bundle: 'demo' })
  } finally {
    delete process.env.VIRNUCPRO_LAYOUT
  }
  expect(await readFile(folder.join(table), 'utf8')).toContain('Sequence_ID')
})

test('every option that is wrong is named at once, by its field', async () => {
  const request = {
    inputs: [contigs],
    threads: 0,
    layout: 'flat',
    tokenbudget: 1,
  } as unknown as PredictRequest
  await expect(predict(request)).rejects.toThrow('tokenbudget: no such option')
  const { tokenbudget: _, ...known } = request as unknown as Record<string, unknown>
  const error = await predict(known as unknown as PredictRequest).catch((each) => each)
  expect(error).toBeInstanceOf(UsageError)
  expect(error.lines).toEqual([
    'layout: expected one of vanilla, broad, got "flat"',
    'threads: expected a whole number from 1 to 4096, got 0',
  ])
  await expect(predict({ inputs: [] })).rejects.toThrow('no input')
})

test('a signal ends a run, and the same call finishes it', async () => {
  await using folder = temporaryFolder()
  const request = { inputs: [contigs], outputDir: folder.path, bundle: 'demo' }
  const reason = new Error('enough')
  await expect(predict(request, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect((await predict(request)).frames).toBe(31)
  expect((await predict(request)).alreadyFinished).toBe(true)
})

test('an error has a code that stays when its words change', async () => {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('contigs_merged/prediction_results.txt'), 'mine')
  const run = predict({ inputs: [contigs], outputDir: folder.path, bundle: 'demo' })
  await expect(run).rejects.toMatchObject({ code: 'foreign-file' })
})
