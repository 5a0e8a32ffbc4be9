import { ExitCode } from '../exit-codes.ts'
import type { Detail, ErrorCodes } from '../system/error-codes.ts'
import type { VirnucproError } from '../system/errors.ts'
import { linesOf, type Message } from '../system/printable.ts'
import { estimate } from '../text/numbers.ts'
import { InterruptedError, SIGNAL_CODES } from './signals.ts'

/** What advice depends on: the command that runs. */
export interface Asked {
  /** The options that it has, without dashes, and that fit what it was asked for. */
  readonly options: ReadonlySet<string>
  /** Whether it is about several samples. */
  readonly ofSamples: boolean
}

type Advice<Data> = (data: Data, ofSamples: boolean) => string | readonly string[]

/**
 * What to do about an error or a warning, in terms of the command line: whole sentences without the last full stop. Of several, the
 * first whose options the command has is given. Options of another command follow its name: `virnucpro setup --esm FILE`.
 */
const ADVICE: { [Code in keyof ErrorCodes]: Advice<ErrorCodes[Code]> } = {
  'place-taken': ({ oldRun }, ofSamples) =>
    ofSamples
      ? 'Move it away, or choose another folder with --output-dir; --force computes all samples again'
      : [
          `Add --force to replace it, or choose another folder${oldRun === true ? '; --resume replaces it, but uses the embeddings of the old run' : ''}`,
          'Choose another folder',
        ],
  'foreign-file': ({ oldRun }) => {
    const resume =
      oldRun === true ? ['--resume uses the embeddings of the old run and replaces its tables'] : []
    return [['Another --prefix gives the files of this run other names', ...resume].join('; '), ...resume]
  },
  'place-not-ours': () => 'Name another folder with --output-dir',
  'already-computed': () => '--force computes them again',
  'sample-names': () => 'A sheet gives them names of their own: --sample-sheet',
  'input-changed': () => 'Once the file is complete, --force starts over',
  'chunk-length-unknown': () => [
    'Name that length once, with virnucpro models import --mlp LENGTH=FILE, or with --model-type',
    'Name that length once, with virnucpro models import --mlp LENGTH=FILE',
  ],
  'chunk-length-mismatch': ({ length }) =>
    `Give --expected-length ${length}, another classifier, or --any-length to compute all the same`,
  'no-classifier': ({ lengths }) =>
    `Give --expected-length ${lengths.join(' or ')}, another classifier with --model-path, or --any-length to compute all the same`,
  'no-partner': () => [
    'virnucpro models import --recheck on makes one; --recheck off is for models without',
    'virnucpro models import --recheck on makes one',
  ],
  'no-bounds': () => [
    'virnucpro models recheck measures it, and virnucpro setup for GPUs; --recheck off is for models of which it is not known',
    'virnucpro models recheck measures it, and virnucpro setup for GPUs',
  ],
  'bound-exceeded': () =>
    'To spare later runs this, measure again with sequences like these: virnucpro setup --precision fp8 --calibrate FASTA --recheck-frames N, or virnucpro models recheck BUNDLE --input FASTA --force for a bundle of your own',
  'not-measured': ({ bundle }) =>
    `virnucpro setup does that for its own; for this one: virnucpro models recheck ${bundle} --triton HOST:PORT`,
  'classifier-length': () => 'Import it with its length: --mlp LENGTH=FILE',
  'classifier-taken': () => 'Add --force to replace it',
  'memory-too-small': ({ model, tokens }) =>
    `--${model}-batch-size ${tokens} makes such batches from the start`,
  'own-servers': () => '--backend onnx computes in this process',
  'server-kept': () => 'virnucpro serve --stop ends it',
  'unnamed-server': ({ url }) => `To use it: --triton ${url}`,
  'no-server-program': () => [
    'Name a server program with --server-bin, or start one in a container: virnucpro serve --container --repository DIR',
    'Start one in a container: virnucpro serve --container --repository DIR',
  ],
  'repository-not-named': () =>
    'Without --bundle, GPUs that virnucpro setup has set up are used; --repository names a repository of your own',
  'no-gpu': () => '--backend triton starts one all the same, --backend onnx computes in this process',
  'no-server-named': () => [
    'Name one with --triton HOST:PORT, give --repository DIR to have one started, or set up GPUs with: virnucpro setup',
    'Name one with --triton HOST:PORT, or set up GPUs with: virnucpro setup',
  ],
  'gpu-not-used': () => [
    'Leave out --gpus and --device, or name a server with --triton or a repository for one with --repository; without --bundle, GPUs that virnucpro setup has set up are used',
    'Leave out --gpus, or name a server with --triton; without --bundle, GPUs that virnucpro setup has set up are used',
  ],
  'needs-server': ({ fused }) => {
    const again = 'Import the models for it: virnucpro models import --precision fp32'
    const server = fused ? ' that has its plans in the Python backend' : ''
    return [`${again}; or name a server with --triton${server}`, again]
  },
  'bundle-not-named': ({ bundles }) =>
    bundles
      ? [
          'Name one with --bundle, or choose the default: virnucpro models default ID',
          'Name one, or choose the default: virnucpro models default ID',
        ]
      : [
          'Set one up with: virnucpro setup; or try the program with --bundle demo, whose calls mean nothing',
          'Set one up with: virnucpro setup',
        ],
  'default-missing': () =>
    'virnucpro models list shows all bundles, virnucpro models default chooses another',
  'no-such-bundle': () => 'virnucpro models list shows all bundles',
  'not-finite': () =>
    'virnucpro models verify finds damaged weights; virnucpro models import --precision bf16 makes models with room for larger numbers',
  'frames-missing': () =>
    'With another server (--triton) or --backend onnx added, it tries them there; nothing else is computed again',
  'server-stalled': () => '--server-timeout says how long a run waits for it',
  'gpu-idle': () => 'virnucpro serve --per-gpu starts one server for each GPU',
  'client-bound': () => 'Without --keep-intermediate there is less to write',
  'metrics-port': () => 'Choose another port with --metrics-port',
  'metrics-addresses': () => 'Servers are named by --triton, their addresses for metrics by --triton-metrics',
  'no-metrics': () => '--triton-metrics names another address',
  'no-plans': () => 'Plans are made on the GPU that they are for, by: virnucpro engines build',
  'plans-not-named': () =>
    'Name it with --plans; plans are made on the GPU that they are for, by: virnucpro engines build',
  'attention-needs-plans': () =>
    'Add --backend python --plans DIR, or import the models again: virnucpro models import --attention standard',
  'precision-needs-plans': () =>
    'Add --plans DIR, or import the models again: virnucpro models import --precision fp32',
  'foreign-compression': ({ command }) => `Or pipe its text: "${command} | virnucpro predict --input - ..."`,
  'empty-stream': () => 'If it may have nothing to say, add --allow-empty',
  'duplicate-id': () =>
    'Or let each get one (--duplicate-ids suffix), or keep only the first of each (--on-invalid skip)',
  'missing-end': () => 'Or read what is there (--on-invalid skip)',
  protein: () => '--of records --model esm2 embeds whole proteins',
  'empty-record': () => 'Or skip invalid records (--on-invalid skip)',
  'no-report': () =>
    'A run writes one at its end, unless it is one of virnucpro predict --no-report; one that was interrupted has none yet',
  'bundle-damaged': () => 'A bundle of the home is made again by: virnucpro setup',
  'no-bundle': () =>
    'virnucpro models list shows the bundles of the home; virnucpro setup or virnucpro models import makes one',
  'beyond-fp16': () => [
    '--precision bf16 makes models with room for larger numbers',
    'Import the models with: virnucpro models import --precision bf16',
  ],
  'no-kernel': () => 'Import the models with: virnucpro models import --attention standard',
  'classifier-as-weights': () => 'Name the classifier with --mlp',
  'other-weights': ({ model }) => `Name it with ${{ esm2: '--esm', dnabert_s: '--dnabert' }[model]}`,
  'no-reference': () =>
    'Name the fp32 bundle made from the same files, or compare with files of the original (--golden)',
  'no-golden-sequences': () => 'Name their FASTA file with --fasta',
  'no-server': () =>
    'Look at the servers and give the same command again; --server-timeout changes how long they are waited for',
  'no-access': ({ lacks }) =>
    ({
      certificates: '--triton-ca, --triton-cert and --triton-key name certificates',
      credentials: '--triton-header, --triton-cert and --triton-key are what this client can show',
      address: 'Check that the address is that of the gRPC port of an inference server',
    })[lacks],
  'bad-certificate': () =>
    '--triton-ca takes the certificate of an authority, --triton-cert that of this client, --triton-key its key, each a file of PEM text',
  'other-model': () =>
    'Name servers whose repositories were built from one bundle, and that bundle; virnucpro repository build builds them',
  'unstated-model': () =>
    'Build its repository with this version (virnucpro repository build --force) and start the server again, or ' +
    'give --triton with --trust-server if you know what it computes',
  kept: ({ again }) => `Add --force to ${again} again`,
  'plans-need-gpu-precision': () =>
    'Make a second bundle from the same files with: virnucpro models import --precision bf16 ...',
  'gpu-lacks-precision': () => [
    'Older GPUs compute with --precision fp16',
    'Make models for older GPUs with: virnucpro models import --precision fp16',
  ],
  'attention-needs-bindings': () =>
    'Build with --builder python, or import the models again: virnucpro models import --attention standard',
  'profile-too-long': () =>
    'Choose shorter --profiles, or import the models again: virnucpro models import --attention standard',
  'no-tensorrt': () =>
    'Install TensorRT for this Python (the version of the server that will load the plan), or name another with --python; virnucpro engines build --builder trtexec needs none',
  'repository-unusable': () =>
    'Build the repository again, for this server: virnucpro repository build --force',
  'other-platform': ({ windows }) => {
    const machine = `Use ${windows ? 'WSL 2 or ' : ''}a Linux machine`
    return [
      `${machine}; --backend onnx computes in this process, and --triton HOST:PORT on servers elsewhere`,
      machine,
    ]
  },
  'no-repository': () => 'Make one with: virnucpro repository build',
  'no-containers': () => 'Without --container a server program of this machine is started: --server-bin',
  'no-gpu-for-servers': () => 'Leave out --per-gpu to run one server on the CPU',
  'runtime-gone': () => 'virnucpro setup finds the server of this machine again',
  'no-image': () => [
    '--image names another one, for Apptainer also a file, and --server private does without a container',
    '--image names another one, for Apptainer also a file',
  ],
  'no-packages': () =>
    '--wheels takes packages from a folder, PIP_INDEX_URL and PIP_EXTRA_INDEX_URL name other indexes, and the next call goes on with what is downloaded',
  'classifiers-needed': () => 'Name them: virnucpro setup --mlp 300=FILE --mlp 500=FILE',
  'no-room-in-home': () => 'Free some of it, or name a folder on another disk for the home: VIRNUCPRO_HOME',
  'startup-timeout': () =>
    'Large models take minutes: virnucpro serve --startup-timeout SECONDS waits longer',
  'port-in-use': ({ port, hindrance }) =>
    ({
      program: `Stop that program, or choose another port with --${port}-port`,
      port: `Choose another one with --${port}-port`,
      address: 'Choose an address of this machine with --address',
    })[hindrance],
  'no-download': () => '--from takes models from a folder, a file or another address',
  'download-refused': () =>
    'HF_TOKEN is what this client can show to Hugging Face; --from takes models from a folder, a file or another address',
  'no-room': () => 'Free some of it, or name a folder on another disk with --output',
  'no-runtime': () =>
    'Name a server program with --server-bin, or set up the CPU alone with --precision fp32 or int8',
  'gpus-not-set-up': ({ setupSeconds, hereSeconds }) => {
    const setup = `Run virnucpro setup${about(setupSeconds)}`
    if (hereSeconds === undefined) return setup
    const here = about(hereSeconds ?? undefined, ' for this input')
    return [`${setup}, or compute on the processor with --backend onnx${here}`, setup]
  },
  'no-sources': () => 'Name the weight files: virnucpro setup --esm FILE --dnabert DIR',
  'in-use': () => 'Wait until it has ended, or end it; virnucpro serve --stop ends servers that were kept',
  'cannot-ask': () => '--yes answers for you',
  'home-damaged': () => 'Move that file away, and set up again',
  'other-home': () => 'VIRNUCPRO_HOME names another one',
  'embedding-clash': () =>
    '--of frames embeds open frames with both models, --of chunks with DNABERT-S, and --of records whole DNA with DNABERT-S or whole proteins with ESM-2',
  'alphabet-unknown': () => 'Say it with --alphabet dna or --alphabet protein',
  'too-long': () => '--too-long cut embeds its beginning, --too-long skip leaves it out',
  'sequence-refused': () => 'Another server (--triton) or --backend onnx may take it',
  'embeddings-missing': () =>
    'With another server (--triton) or --backend onnx added, it tries them there; nothing else is computed again',
  'output-taken': () => 'Move it away, or name another file with --output',
  'can-be-pulled': ({ name }) => `To download it: virnucpro models pull ${name}`,
  'checkpoints-unusable': () => 'Leave them out with --skip-damaged; the next run computes them again',
  'names-taken': () => 'Move them away, or name another folder with --output',
}

function about(seconds: number | undefined, more = ''): string {
  return seconds === undefined ? '' : ` (about ${estimate(seconds)}${more})`
}

/** Options in a text, without dashes, each with the command that is named before it. */
export function optionsIn(text: string): { command: string | undefined; option: string }[] {
  return Array.from(
    text.matchAll(/(?<!\w)--([a-z](?:[a-z\d-]*[a-z\d])?)(?![a-z\d-])/g),
    ({ 1: option = '', index }) => {
      const command = /virnucpro ([a-z][^;,()]*)$/.exec(text.slice(0, index))?.[1]?.trim()
      return { command, option }
    },
  )
}

/** What to do about it; undefined where all that is known of needs options that the command does not have. */
export function adviceOn(detail: Detail, asked?: Asked): string | undefined {
  // The table has the function for just this code; TypeScript cannot see that the two belong together.
  const advice = ADVICE[detail.code] as Advice<Detail['data']>
  const fits = (text: string) =>
    asked === undefined ||
    optionsIn(text).every(({ command, option }) => command !== undefined || asked.options.has(option))
  return [advice(detail.data, asked?.ofSamples ?? false)].flat().find(fits)
}

/** A message with the advice that goes with it: after its one line, or below its lines. */
export function withAdvice(message: string, detail: Detail | undefined, asked?: Asked): string
export function withAdvice(message: Message, detail: Detail | undefined, asked?: Asked): Message
export function withAdvice(message: Message, detail: Detail | undefined, asked?: Asked): Message {
  const advice = detail && adviceOn(detail, asked)
  if (advice === undefined) return message
  return typeof message === 'string' ? `${message}. ${advice}` : [...linesOf(message), advice]
}

/** The same with the code, which `virnucpro help CODE` explains: at the end of the advice, else of the first line. */
export function withAdviceAndCode(message: Message, detail: Detail | undefined, asked?: Asked): Message {
  if (detail === undefined) return message
  const text = withAdvice(message, detail, asked)
  const marked = (line: string | undefined) => `${line} [${detail.code}]`
  if (typeof text === 'string') return marked(text)
  return text === message ? [marked(text[0]), ...text.slice(1)] : [...text.slice(0, -1), marked(text.at(-1))]
}

/** The one place where errors become exit codes. */
export function exitCodeOf(error: VirnucproError): number {
  return error instanceof InterruptedError ? SIGNAL_CODES[error.signal] : ExitCode[error.kind]
}
