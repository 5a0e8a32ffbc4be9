import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder, virnucpro } from './support.ts'

const cases: [name: string, args: string[], message: string][] = [
  [
    'unknown option',
    ['predict', 'in.fa', '--thread', '8'],
    'unknown option --thread. Did you mean --threads?',
  ],
  [
    'swapped letters',
    ['predict', 'in.fa', '--layuot', 'broad'],
    'unknown option --layuot. Did you mean --layout?',
  ],
  [
    'start of an option',
    ['predict', 'in.fa', '--output', 'x'],
    'unknown option --output. Did you mean --output-dir?',
  ],
  ['one dash for two', ['predict', 'in.fa', '-resume'], 'unknown option -resume. Did you mean --resume?'],
  ['unknown letter', ['predict', 'in.fa', '-x'], 'unknown option -x\n'],
  ['undeclared --no- form', ['predict', 'in.fa', '--no-threads'], 'unknown option --no-threads'],
  ['unknown command', ['predcit', 'in.fa'], 'unknown command predcit. Did you mean predict?'],
  ['command of a group', ['pull'], 'unknown command pull. Did you mean models pull?'],
  ['command of two groups', ['list'], 'Did you mean models list or checkpoints list?'],
  ['inherited name as command', ['constructor'], 'unknown command constructor'],
  ['unknown models command', ['models', 'improt'], 'unknown command models improt. Did you mean import?'],
  ['predict option before the command', ['--bundle', 'demo', 'predict', 'in.fa'], 'unknown option --bundle'],
  ['missing value', ['predict', 'in.fa', '--output-dir'], '--output-dir needs a value: --output-dir DIR'],
  [
    'option in place of a value',
    ['predict', '-o', '--resume'],
    '-o needs a value: -o DIR, got the option --resume',
  ],
  ['empty value', ['predict', 'in.fa', '--prefix='], '--prefix has an empty value'],
  ['empty word', ['predict', 'in.fa', '-o', ''], '-o has an empty value'],
  ['empty input', ['predict', ''], 'an argument is empty'],
  ['switch with a value', ['predict', 'in.fa', '--resume=yes'], '--resume takes no value, got "yes"'],
  [
    'two values',
    ['predict', 'a.fa', '-t', '4', '--merge-threads', '8'],
    '-t 4 and --merge-threads 8 contradict',
  ],
  ['two switches', ['predict', 'a.fa', '--resume', '--no-resume'], '--resume and --no-resume contradict'],
  ['position and option', ['a.fa', '500', 'm.pth', '-e', '300'], 'LENGTH 500 and -e 300 contradict'],
  ['surplus word', ['models', 'show', 'a', 'b'], 'unexpected argument b'],
  [
    'missing option',
    ['models', 'import', '--esm', 'a', '--mlp', 'b', '--output', 'c'],
    '--dnabert is missing',
  ],
  ['no input', ['predict'], 'no input: name one or more FASTA'],
  [
    'not a number',
    ['predict', 'a.fa', '--threads', 'many'],
    '--threads: expected a whole number from 1 to 4096',
  ],
  [
    'exponent',
    ['predict', 'a.fa', '--token-budget', '1e4'],
    'expected a whole number of at least 1, got "1e4"',
  ],
  ['zero', ['predict', 'a.fa', '-b', '0'], '-b: expected a whole number of at least 1, got "0"'],
  ['negative', ['predict', 'a.fa', '-e', '-5'], '-e: expected a whole number of at least 0, got "-5"'],
  ['not a choice', ['predict', 'a.fa', '-m', '400'], '-m: expected one of 300, 500, custom, got "400"'],
  ['GPU twice', ['predict', 'a.fa', '--gpus', '0,0'], '--gpus: expected GPU numbers'],
  ['server without a port', ['predict', 'a.fa', '--triton', 'localhost'], 'expected HOST:PORT, grpc://'],
  [
    'server of another kind',
    ['predict', 'a.fa', '--triton', 'http://h:8000'],
    'with the gRPC port of a server',
  ],
  ['IPv6 without brackets', ['predict', 'a.fa', '--triton', '::1:8001'], 'expected HOST:PORT, grpc://'],
  ['port too large', ['predict', 'a.fa', '--triton', 'grpc://h:65536'], 'expected HOST:PORT, grpc://'],
  [
    'unused server',
    ['predict', 'a', '--backend', 'onnx', '--triton', 'grpc://h:1'],
    'does not use the servers given',
  ],
  ['custom without model', ['predict', 'a.fa', '-m', 'custom'], 'give --model-path'],
  ['device against GPUs', ['predict', 'a.fa', '-d', 'cpu', '--gpus', '1'], 'contradict each other'],
  ['quiet and verbose', ['predict', 'a.fa', '-q', '-v'], 'contradict each other'],
  ['prefix with a slash', ['predict', 'a.fa', '--prefix', 'a/b'], '--prefix: expected a file name stem'],
  ['standard input twice', ['predict', '-', '-'], 'expected - (standard input) only once'],
]

test.concurrent.each(cases)(
  '%s: said on standard error with the usage, exit code 64',
  async (_, args, message) => {
    const { code, out, err } = await virnucpro(args)
    expect(err).toContain(message)
    expect(err).toStartWith('error: ')
    expect(err).toContain('\nUsage: virnucpro')
    expect({ code, out }).toEqual({ code: 64, out: '' })
  },
)

test.concurrent('several bad values are all said at once', async () => {
  const { err } = await virnucpro(['predict', 'a.fa', '-t', '0', '--layout', 'flat'], {
    env: { VIRNUCPRO_TOKEN_BUDGET: 'big' },
  })
  expect(err).toContain('-t: expected')
  expect(err).toContain('--layout: expected one of vanilla, broad, got "flat"')
  expect(err).toContain('VIRNUCPRO_TOKEN_BUDGET: expected a whole number of at least 1, got "big"')
})

test.concurrent('without a bundle one sentence says how to get one', async () => {
  const { code, out, err } = await virnucpro(['predict', 'in.fa'])
  expect(err).toMatch(/^error: no model bundle is set up[^\n]*virnucpro setup[^\n]*--bundle demo[^\n]*\n$/)
  expect({ code, out }).toEqual({ code: 64, out: '' })
})

test.concurrent('a file that is not there or is a folder is said before any model is loaded', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.join('in.fa'), '>a\nACGT\n')
  const cwd = folder.path
  const [missing, directory, model, bundle, typed] = await Promise.all([
    virnucpro(['predict', 'in.fa', 'no.fa', '--bundle', 'demo'], { cwd }),
    virnucpro(['predict', '.', '--bundle', 'demo'], { cwd }),
    virnucpro(['in.fa', '500', 'no.pth', '--bundle', 'demo'], { cwd }),
    virnucpro(['predict', 'in.fa', '--bundle', 'none'], { cwd }),
    virnucpro(['in.fa'], { cwd }),
  ])
  expect(missing).toEqual({ code: 66, out: '', err: 'error: no.fa: no such file; check the path\n' })
  expect(directory).toEqual({
    code: 66,
    out: '',
    err: 'error: .: this is a directory; give the FASTA, FASTQ or BAM files in it\n',
  })
  expect(model).toEqual({ code: 66, out: '', err: 'error: model no.pth: no such file\n' })
  expect(bundle).toMatchObject({ code: 66, out: '' })
  expect(bundle.err).toMatch(/^error: there is no bundle none: [^\n]*virnucpro models list[^\n]*\n$/)
  expect(typed.err).toContain('To predict from a file: virnucpro predict in.fa')
})
