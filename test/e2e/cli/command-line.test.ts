import { expect, test } from 'bun:test'
import { effective, values, virnucpro } from './support.ts'

const length = ['input', 'expected_length', 'model_path', 'output_dir']

test.concurrent("the original's three words are file, length and model; results go beside the input", async () => {
  expect(await values(length, ['in.fa', '300', '300_model.pth'])).toEqual({
    input: ['in.fa'],
    expected_length: 300,
    model_path: '300_model.pth',
    output_dir: null,
  })
})

test.concurrent('an output folder may be named for the three words too', async () => {
  expect(await values(['output_dir'], ['in.fa', '300', 'm.pth', '-o', 'out'])).toEqual({ output_dir: 'out' })
})

test.concurrent('the three words alone are a predict run', async () => {
  const { code, err } = await virnucpro(['--bundle', 'demo', 'no.fa', '500', '500_model.pth'])
  expect({ code, err }).toEqual({ code: 66, err: 'error: no.fa: no such file; check the path\n' })
})

test.concurrent('other words are inputs, in order and together with --input', async () => {
  expect(await values(['input'], ['a.fa', './500', 'c.fa'])).toEqual({ input: ['a.fa', './500', 'c.fa'] })
  expect(await values(['input'], ['a.fa', '500'])).toEqual({ input: ['a.fa', '500'] })
  expect(await values(['input'], ['a', '500', 'c', 'd'])).toEqual({ input: ['a', '500', 'c', 'd'] })
  expect(await values(['input'], ['--input', 'c,d.fa', 'a.fa', '--input=e.fa'])).toEqual({
    input: ['a.fa', 'c,d.fa', 'e.fa'],
  })
  expect(await values(['input'], ['--', '-odd.fa', '--help'])).toEqual({ input: ['-odd.fa', '--help'] })
})

test.concurrent("Broad's form names the folder after the input", async () => {
  const folder = async (input: string) => (await values(['output_dir'], [input])).output_dir
  expect(await folder('dir/reads.fa')).toBe('reads_predictions')
  expect(await folder('reads.v2.fasta.gz')).toBe('reads.v2_predictions')
  expect(await folder('-')).toBe('stdin_predictions')
})

test.concurrent("the chunk length follows Broad's rule", async () => {
  const of = async (...args: string[]) =>
    (await values(['expected_length'], ['a.fa', ...args])).expected_length
  expect(await of()).toBe(500)
  expect(await of('-m', '300')).toBe(300)
  expect(await of('-m', '300', '-e', '0')).toBe(300)
  expect(await of('-m', '300', '--expected-length=700')).toBe(700)
  expect(await of('-m', 'custom', '-p', 'm.pth')).toBe(500)
})

test.concurrent('the device becomes backend and GPUs', async () => {
  const of = (...args: string[]) => values(['backend', 'gpus'], ['a.fa', ...args])
  expect(await of()).toEqual({ backend: 'auto', gpus: null })
  expect(await of('-d', 'cpu')).toEqual({ backend: 'onnx', gpus: null })
  expect(await of('-d', 'cuda')).toEqual({ backend: 'auto', gpus: [0] })
  expect(await of('--device', 'cuda:3')).toEqual({ backend: 'auto', gpus: [3] })
  expect(await of('-d2')).toEqual({ backend: 'auto', gpus: [2] })
  expect(await of('-d', 'cuda:1', '--gpus', '0,1')).toEqual({ backend: 'auto', gpus: [0, 1] })
})

test.concurrent('short options take their value apart, attached or after =, and switches run together', async () => {
  const names = ['threads', 'batch_size', 'keep_intermediate', 'force']
  const expected = { threads: 8, batch_size: 64, keep_intermediate: true, force: true }
  expect(await values(names, ['-t', '8', '-b64', '-kf'])).toEqual(expected)
  expect(await values(names, ['-t=8', '--batch-size=64', '-kft', '8'])).toEqual(expected)
})

test.concurrent('options of every command may stand before it', async () => {
  const { code, out } = await virnucpro(['-v', '--log-file', '/dev/null', 'config', '--json', 'a.fa'])
  expect(code).toBe(0)
  expect(JSON.parse(out).settings).toMatchObject({
    verbose: { value: true, origin: 'flag', name: '-v' },
    log_file: { value: '/dev/null', origin: 'flag', name: '--log-file' },
  })
})

test.concurrent('token budgets: one for both models, or one each', async () => {
  const names = ['esm_batch_size', 'dnabert_batch_size']
  expect(await values(names, [])).toEqual({ esm_batch_size: null, dnabert_batch_size: null })
  expect(await values(names, ['--token-budget', '900', '--esm-batch-size', '2048'])).toEqual({
    esm_batch_size: 2048,
    dnabert_batch_size: 900,
  })
})

test.concurrent('--force-resume is --resume and --force', async () => {
  expect(await effective(['--force-resume'])).toMatchObject({
    resume: { value: true, origin: 'flag', name: '--force-resume' },
    force: { value: true },
  })
})

test.concurrent('servers come in a list', async () => {
  const { triton } = await values(['triton'], ['--triton', 'grpc://gpu1:8001,grpcs://[::1]:443'])
  expect(triton).toEqual(['grpc://gpu1:8001', 'grpcs://[::1]:443'])
  const short = await values(['triton'], ['--triton', 'gpu1:8001,[::1]:8001, 10.0.0.1:8001'])
  expect(short.triton).toEqual(['grpc://gpu1:8001', 'grpc://[::1]:8001', 'grpc://10.0.0.1:8001'])
})

test.concurrent('options of old scripts are accepted, and each one given is answered with one line', async () => {
  const old =
    '-w 4 --parallel --v1-fallback --v1-attention --skip-checkpoint-validation --dataloader-workers 2'
  const more =
    '--pin-memory --expandable-segments --cache-clear-interval 10 --no-cuda-streams --persistent-models'
  const args = [...`${old} ${more}`.split(' '), '--num-workers', '4', 'in.fa']
  const { code, out, err } = await virnucpro(['config', ...args])
  expect(code).toBe(0)
  expect(out).toContain('input: ["in.fa"]')
  const lines = err.trimEnd().split('\n')
  expect(lines).toHaveLength(11)
  for (const line of lines) expect(line).toMatch(/^warning: -[-\w]+ has no effect: ./)
  expect((await virnucpro(['config', '-q', ...args])).err).toBe('')
})
