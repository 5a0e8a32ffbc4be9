import { expect, test } from 'bun:test'
import { commonOptions } from '../../../src/cli/command.ts'
import { spelledNames } from '../../../src/cli/command-line.ts'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { adviceOn, optionsIn } from '../../../src/cli/errors.ts'
import type { Detail, ErrorCodes } from '../../../src/system/error-codes.ts'

const NONE = [{}] as const
const BOTH = [true, false] as const

/** Data of every kind that an error of a code comes with. */
const DATA: { [Code in keyof ErrorCodes]: readonly ErrorCodes[Code][] } = {
  'place-taken': BOTH.map((oldRun) => ({ path: 'out', oldRun })),
  'foreign-file': BOTH.map((oldRun) => ({ path: 'out', oldRun })),
  'missing-end': NONE,
  'place-not-ours': NONE,
  'already-computed': NONE,
  'sample-names': NONE,
  'input-changed': NONE,
  'chunk-length-unknown': NONE,
  'chunk-length-mismatch': [{ length: 300 }],
  'no-classifier': [{ lengths: [300, 500] }],
  'no-partner': NONE,
  'no-bounds': NONE,
  'classifier-length': NONE,
  'classifier-taken': NONE,
  'memory-too-small': [
    { model: 'esm', tokens: 512 },
    { model: 'dnabert', tokens: 512 },
  ],
  'own-servers': NONE,
  'server-kept': NONE,
  'unnamed-server': [{ url: 'grpc://127.0.0.1:8001' }],
  'no-server-program': NONE,
  'repository-not-named': NONE,
  'no-gpu': NONE,
  'no-server-named': NONE,
  'gpu-not-used': NONE,
  'needs-server': BOTH.map((fused) => ({ fused })),
  'bundle-not-named': BOTH.map((bundles) => ({ bundles })),
  'default-missing': NONE,
  'no-such-bundle': NONE,
  'not-finite': NONE,
  'frames-missing': NONE,
  'checkpoints-unusable': NONE,
  'names-taken': NONE,
  'server-stalled': NONE,
  'gpu-idle': NONE,
  'client-bound': NONE,
  'no-report': NONE,
  'no-reference': NONE,
  'no-golden-sequences': NONE,
  'metrics-port': NONE,
  'metrics-addresses': NONE,
  'no-metrics': NONE,
  'no-plans': NONE,
  'plans-not-named': NONE,
  'attention-needs-plans': NONE,
  'precision-needs-plans': NONE,
  'foreign-compression': [{ command: 'xz -dc reads.fa.xz' }],
  'empty-stream': [{ source: '<stdin>' }],
  'duplicate-id': [{ id: 'a' }],
  protein: [{ id: 'a' }],
  'empty-record': [{ id: 'a' }],
  'bundle-damaged': NONE,
  'no-bundle': [{ path: 'bundle' }],
  'beyond-fp16': NONE,
  'no-kernel': NONE,
  'classifier-as-weights': NONE,
  'other-weights': [{ model: 'esm2' }, { model: 'dnabert_s' }],
  'no-server': NONE,
  'no-access': (['certificates', 'credentials', 'address'] as const).map((lacks) => ({ lacks })),
  'other-model': NONE,
  'unstated-model': NONE,
  kept: (['build it', 'import it', 'measure'] as const).map((again) => ({ again })),
  'plans-need-gpu-precision': NONE,
  'gpu-lacks-precision': NONE,
  'attention-needs-bindings': NONE,
  'profile-too-long': NONE,
  'no-tensorrt': NONE,
  'repository-unusable': NONE,
  'no-repository': NONE,
  'other-platform': BOTH.map((windows) => ({ windows })),
  'no-containers': NONE,
  'no-gpu-for-servers': NONE,
  'runtime-gone': NONE,
  'no-image': NONE,
  'no-packages': NONE,
  'classifiers-needed': NONE,
  'no-room-in-home': NONE,
  'startup-timeout': NONE,
  'port-in-use': (['http', 'grpc', 'metrics'] as const).flatMap((port) =>
    (['program', 'port', 'address'] as const).map((hindrance) => ({ port, hindrance })),
  ),
  'no-download': NONE,
  'download-refused': NONE,
  'no-room': NONE,
  'in-use': NONE,
  'cannot-ask': NONE,
  'home-damaged': NONE,
  'no-runtime': NONE,
  'gpus-not-set-up': [{}, { setupSeconds: 60, hereSeconds: 60 }, { hereSeconds: null }],
  'no-sources': NONE,
  'other-home': NONE,
  'embedding-clash': NONE,
  'alphabet-unknown': NONE,
  'too-long': [{ id: 'a' }],
  'sequence-refused': [{ id: 'a' }],
  'embeddings-missing': NONE,
  'output-taken': [{ path: 'out' }],
  'can-be-pulled': [{ name: 'esm2' }],
}

const DETAILS = Object.entries(DATA).flatMap(([code, all]) =>
  all.map((data: object) => ({ code, data }) as unknown as Detail),
)

async function optionsOf(name: string): Promise<Set<string>> {
  return spelledNames({ ...(await loadCommand(name)).options, ...commonOptions })
}

const OPTIONS = new Map(
  await Promise.all(Object.keys(COMMANDS).map(async (name) => [name, await optionsOf(name)] as const)),
)

/** The command that the words after the name of the program begin with. */
function commandIn(words: string): string {
  return [...OPTIONS.keys()].find((name) => `${words} `.startsWith(`${name} `)) ?? `no command: ${words}`
}

test.each(Object.keys(COMMANDS))('advice to whoever runs %s names options of that command', (name) => {
  const options = OPTIONS.get(name)!
  const wrong = DETAILS.flatMap((detail) =>
    BOTH.flatMap((ofSamples) => {
      const advice = adviceOn(detail, { options, ofSamples }) ?? ''
      return optionsIn(advice)
        .filter(
          ({ command, option }) =>
            !OPTIONS.get(command === undefined ? name : commandIn(command))?.has(option),
        )
        .map(({ option }) => `${detail.code}: --${option} in: ${advice}`)
    }),
  )
  expect(wrong).toEqual([])
})

test('there is advice on every code for some command', () => {
  const without = DETAILS.filter((detail) =>
    [...OPTIONS.values()].every((options) => adviceOn(detail, { options, ofSamples: false }) === undefined),
  )
  expect(without).toEqual([])
})

test('an option is one of the command that is named before it', () => {
  expect(
    optionsIn('Add --force, or run virnucpro models import --mlp 300=FILE --esm FILE; --resume goes on'),
  ).toEqual([
    { command: undefined, option: 'force' },
    { command: 'models import', option: 'mlp' },
    { command: 'models import --mlp 300=FILE', option: 'esm' },
    { command: undefined, option: 'resume' },
  ])
})
