import * as v from 'valibot'
import { flag, type Option, type Options, option, section, type Values } from './option.ts'
import {
  boolean,
  device,
  duration,
  endpoints,
  fileStem,
  gpus,
  header,
  numberFrom,
  oneOf,
  paths,
  text,
  webAddresses,
  wholeNumber,
} from './values.ts'

// THE table of settings. An entry is all that a new one needs besides its use: option, variable, key of the file,
// help, documentation and the type of `PredictOptions` follow from it. `outputDir` is `--output-dir`,
// `VIRNUCPRO_OUTPUT_DIR` and `output_dir`.

/** Larger batches no longer fit the caches of a CPU: 2,048 tokens were the fastest of 1,024 to 4,096. */
export const CPU_TOKEN_BUDGET = 2048

/** GB of embeddings that a run keeps for sequences that come again. */
export const DEFAULT_REUSE_DISK = 10

const share = numberFrom('N', 0, 1)

const fileSettings = section('Input and output', {
  input: option(
    paths,
    'input file, in addition to those named without an option; repeat it for several; `-` is standard input; see [what can be an input](reference/input.md)',
    { many: true, library: 'inputs' },
  ),
  sampleSheet: option(
    text('FILE'),
    'CSV with `sample,fastq_1,fastq_2` or `sample,fasta`, as nf-core has it: [several samples in one go](how-to/samples.md), each with a folder in the output folder',
    { brief: 'CSV of several samples, each with its own folder', library: false },
  ),
  perInput: flag(
    'make each input [a sample of its own](how-to/samples.md), with a folder in the output folder',
    {
      library: false,
    },
  ),
  outputDir: option(text('DIR'), 'folder of the results', {
    short: 'o',
    otherwise: 'INPUT_predictions; beside the input for FILE LENGTH MODEL',
  }),
  prefix: option(fileStem, 'stem of the names of the results', { otherwise: 'from the first input' }),
  layout: option(
    oneOf('vanilla', 'broad'),
    "folders and names of the files: the original's or those of Broad's fork",
    { default: 'vanilla' },
  ),
  sequencesPerFile: option(wholeNumber('N', 1), 'reading frames in one part file', {
    default: 10_000,
    broadKey: 'prediction.sequences_per_file',
  }),
  keepIntermediate: flag('keep the part files and the `.pt` intermediates', { short: 'k' }),
  onInvalid: option(
    oneOf('auto', 'skip', 'fail'),
    'what to do with records that [cannot be read or are unusual](reference/input.md#what-is-invalid-or-unusual)',
    { default: 'auto' },
  ),
  duplicateIds: option(
    oneOf('fail', 'suffix', 'skip'),
    'what to do with an [id that was seen before](reference/input.md#mates-and-duplicate-ids); `suffix` makes it `_2`, `_3` and so on',
    { otherwise: '`fail`; `skip` with `--on-invalid skip`' },
  ),
  allowEmpty: flag(
    'treat a pipe without content as a sample without reads, like an empty file, not as an error',
  ),
  minLength: option(
    wholeNumber('N', 0),
    'leave shorter records out, in bases; [filtered](reference/input.md#filters) records keep a row in `contigs.tsv`',
    { default: 0 },
  ),
  maxAmbiguous: option(
    share,
    'leave out records with a larger share of letters other than A, C, G, T and U, from 0 to 1: 0.1 for a tenth',
    { default: 1 },
  ),
  report: flag('write the [report](reference/report.md) of the run', { default: true }),
})

const modelSettings = section('Models', {
  bundle: option(
    text('BUNDLE'),
    'models: a bundle of [the home](reference/home.md) by its name, a folder made by `virnucpro models import`, or `demo`, a tiny bundle for trying the tool, whose calls mean nothing',
    {
      brief: 'models: the name of a bundle, or its folder',
      otherwise: 'the default bundle of the home',
    },
  ),
  modelType: option(
    oneOf('300', '500', 'custom'),
    'chunk length the classifier was made for; `custom` needs `--model-path`',
    { short: 'm', default: '500', library: false },
  ),
  modelPath: option(text('MODEL.pth'), 'classifier file that replaces those in the bundle', {
    short: 'p',
    otherwise: "the bundle's for the chunk length",
    library: 'mlp',
  }),
  // 0 counts as not given, as in Broad's fork.
  expectedLength: option(wholeNumber('N', 0), 'chunk length in bases; 0 counts as not given', {
    short: 'e',
    otherwise: '300 with `--model-type 300`, else 500',
  }),
  anyLength: flag(
    'compute chunks of another length than [the classifier was made for](reference/models.md#chunk-length), with a warning; without it that is an error',
  ),
  recheck: option(
    oneOf('auto', 'on', 'off'),
    'compute frames that [a quantized model leaves open](explanation/precision.md#recheck) in its partner as well; `auto` does with models in FP8 that have a partner, `on` also with INT8',
    { brief: 'compute what a quantized model leaves open once more', default: 'auto' },
  ),
})

/** How servers are reached: what `predict` and `verify` have in common. */
const serverSettings = {
  backend: option(
    oneOf('auto', 'onnx', 'triton'),
    'the embedded ONNX Runtime, or an inference server; `auto` takes [the first one available](reference/servers.md#what-computes-a-run)',
    { default: 'auto' },
  ),
  triton: option(
    endpoints,
    'inference servers, by their gRPC ports; `grpcs://HOST:PORT` for an encrypted connection',
    {
      default: [] as string[],
      mayHoldSecret: /[@?]/,
    },
  ),
  serverTimeout: option(
    wholeNumber('SECONDS', 1),
    'give up when no server has [finished a batch](reference/servers.md#servers-that-do-not-answer) for this long while work is waiting; the run can be continued',
    { default: 300 },
  ),
  trustServer: flag(
    'use servers that [do not say which model they host](reference/repositories.md#which-model-a-server-hosts)',
  ),
  tritonCa: option(text('FILE'), 'certificate of the authority behind `grpcs://` servers', {
    otherwise: "the system's",
    library: false,
  }),
  tritonCert: option(text('FILE'), 'own certificate, for servers that ask for one', { library: false }),
  tritonKey: option(text('FILE'), 'key of `--triton-cert`', { library: false }),
  tritonHeader: option(
    header,
    'header sent with every request, for a proxy that wants one; a secret, shown as `***`',
    { secret: true, library: false },
  ),
}

const computeSettings = section('Where and how to compute', {
  ...serverSettings,
  repository: option(
    text('DIR'),
    'model repository for a server that is started for this run, in place of what `virnucpro setup` has made; see [serving](reference/servers.md#what-computes-a-run)',
  ),
  serverBin: option(text('PATH'), 'program of that server', {
    otherwise: '`tritonserver` of PATH or of `/opt/tritonserver/bin`',
  }),
  backendDirectory: option(text('DIR'), 'folder of its backends', { otherwise: "the server's own" }),
  libraryPath: option(
    text('DIR[:…]'),
    'folders of libraries that it needs, before those of `LD_LIBRARY_PATH`',
  ),
  keepServer: option(
    duration,
    '[keep the server](how-to/own-triton.md#one-server-for-many-runs) that this run starts for later runs, until nobody has used it for this time: 90s, 15m, 2h',
    { otherwise: 'it ends with the run' },
  ),
  device: option(
    device,
    '`cpu` is `--backend onnx` where the backend is `auto`; `cuda:N` and `N` are `--gpus N`; `cuda` is `--gpus 0`',
    { short: 'd', default: 'auto', library: false },
  ),
  gpus: option(
    gpus,
    'GPUs to use, by number; an error where none will be used, and together with `--triton`: a running server has the GPUs it was started with',
  ),
  threads: option(
    wholeNumber('N', 1, 4096),
    'threads of one model call; never more than the cores that this process may use',
    { short: 't', also: ['merge-threads'], otherwise: 'from the cores available' },
  ),
  tokenBudget: option(
    wholeNumber('N', 1),
    'largest number of tokens in one batch, padding included, for both models',
    {
      otherwise: `${CPU_TOKEN_BUDGET} on the CPU, more on a server`,
      library: false,
    },
  ),
  esmBatchSize: option(wholeNumber('N', 1), 'the same for ESM-2 alone', {
    otherwise: '`--token-budget`',
    broadKey: 'features.esm.toks_per_batch',
    library: 'esmTokenBudget',
  }),
  dnabertBatchSize: option(wholeNumber('N', 1), 'the same for DNABERT-S alone', {
    otherwise: '`--token-budget`',
    library: 'dnabertTokenBudget',
  }),
  reuseDisk: option(
    wholeNumber('GB', 0),
    'most disk space for embeddings of [sequences that come again](explanation/reliability.md#sequences-that-come-again) later in an input; 0 keeps none, and they are computed again',
    { default: DEFAULT_REUSE_DISK },
  ),
  batchSize: option(wholeNumber('N', 1), 'rows in one call of the classifier', {
    short: 'b',
    default: 256,
    broadKey: 'prediction.batch_size',
    library: 'mlpBatchSize',
  }),
})

const callSettings = section('Calls of contigs', {
  call: option(
    oneOf('weighted', 'majority', 'any'),
    'how [a contig is called](reference/results.md#the-call-of-a-contig) from its chunks: by the weighted difference of their scores, by most of them, or viral by a single one',
    { default: 'weighted' },
  ),
  callDelta: option(
    share,
    'with `weighted`: viral above this weighted difference, not viral below its negative',
    { default: 0.3 },
  ),
  callHigh: option(share, 'least weighted difference of the tier `high`', { default: 0.7 }),
  callModerate: option(share, 'least weighted difference of the tier `moderate`', { default: 0.5 }),
  callLow: option(share, 'least weighted difference of the tier `low`', { default: 0.3 }),
  callChunks: option(wholeNumber('N', 0), 'with fewer scored chunks the tier is one lower', { default: 5 }),
  callConfident: option(share, 'a chunk is clear with a score above this for one class …', { default: 0.8 }),
  callOpposing: option(share, '… and one below this for the other', { default: 0.3 }),
  callBoth: option(share, 'a chunk with both scores above this does not count in the share of clear ones', {
    default: 0.7,
  }),
  callShare: option(
    share,
    'share of chunks that are clear and of the same class as the call, for a tier above `low`; 0 asks for none',
    { default: 0.1 },
  ),
  viralGap: option(
    wholeNumber('N', 0),
    'chunks that are not viral which [a viral stretch](reference/results.md#viral-stretches) bridges',
    { default: 1 },
  ),
  minScore: option(
    share,
    'leave records, chunks and stretches with a lower `virus_score` out of `viral.fasta.gz`, `chunks.gff3` and `viral.bed`; the tables have all',
    { default: 0 },
  ),
})

const resumeSettings = section('Starting again', {
  resume: flag('continue an interrupted run in the same output folder', { default: false }),
  force: flag(
    'start over: replace what earlier runs under this name have recorded as their own, see [resuming](explanation/reliability.md#your-files); nothing else is ever replaced',
    { short: 'f', brief: 'start over, and replace what earlier runs have made' },
  ),
})

const monitorSettings = section('Watching a run', {
  progress: flag('show progress', { default: true }),
  metrics: flag('write `metrics.jsonl` and `metrics.prom` into the folder of the report', {
    default: true,
  }),
  metricsInterval: option(wholeNumber('SECONDS', 1, 86_400), 'time between two samples', { default: 10 }),
  // Not `metricsPort`: its variable is the one that names the port of a server in triton/compose.yaml.
  metricsHttpPort: option(
    wholeNumber('N', 1, 65_535),
    'port of this machine at which Prometheus can fetch the metrics of the run',
    { long: 'metrics-port', otherwise: 'none', library: 'metricsPort' },
  ),
  tritonMetrics: option(
    webAddresses,
    'where each server of `--triton` answers for Prometheus, in the same order',
    { default: [] as string[], otherwise: 'the port after that of gRPC', mayHoldSecret: /[@?]/ },
  ),
})

const commonSettings = section('Options of every command', {
  logFile: option(
    text('FILE'),
    'append every log line to FILE, with the time, and [more](reference/monitoring.md#in-the-log-file) than a terminal shows; `--quiet` does not shorten it',
    {
      short: 'l',
    },
  ),
  verbose: flag('show debug lines', { short: 'v' }),
  quiet: flag('show only errors, and no progress', { short: 'q' }),
})

/** Stamps the name of each setting on it, by which the layers know it wherever it is used. */
function named<Table extends Options>(table: Table): Table {
  for (const [name, each] of Object.entries(table)) each.setting = name
  return table
}

/** Every setting that has an option, an environment variable and a key in the configuration file. */
export const settings = named({
  ...fileSettings,
  ...modelSettings,
  ...computeSettings,
  ...callSettings,
  ...resumeSettings,
  ...monitorSettings,
  ...commonSettings,
})

/** Settings that only Broad's configuration file can give: dotted key and what it sets. */
export const fileOnlySettings = {
  model300: fileOnly('prediction.models.300', text('FILE'), '`model_path` with `model_type` 300'),
  model500: fileOnly('prediction.models.500', text('FILE'), '`model_path` with `model_type` 500'),
  dnabertRecords: fileOnly(
    'features.dnabert.batch_size',
    wholeNumber('N', 1),
    "`dnabert_batch_size`. It counts records there, so it is multiplied by the tokens of one chunk as Broad's fork estimates them: a sixth of `expected_length`, rounded down, and 2. The usual 256 is 21760 tokens for chunks of 500 bases.",
  ),
  // Another length would change every score of a long protein, so it is refused and not ignored.
  truncationLength: fileOnly(
    'features.esm.truncation_seq_length',
    {
      schema: v.pipe(
        wholeNumber('N', 1).schema,
        v.value(1024, 'expected 1024: proteins are cut at 1,024 residues, as the original does'),
      ),
    },
    'nothing: it must be 1024, the length at which the original cuts proteins. Another length would change the scores and is an error.',
  ),
  fallbackToCpu: fileOnly(
    'device.fallback_to_cpu',
    { schema: boolean },
    '`true` lets the processor compute, with a warning, where a GPU was asked for (`device`, `gpus`) and none can be used. `false` is what holds without the key: an error',
  ),
  autoCleanup: fileOnly('files.auto_cleanup', { schema: boolean }, '`false` is `keep_intermediate: true`'),
}

function fileOnly<const Value extends Pick<Option, 'schema'>>(broadKey: string, value: Value, help: string) {
  return { ...value, broadKey, help }
}

export const allSettings: Options = { ...settings, ...fileOnlySettings }

export type SettingName = keyof typeof settings
export type AnySettingName = SettingName | keyof typeof fileOnlySettings
/** The values of all settings. Defaults are filled in; the rest is undefined or derived. */
export type Settings = Values<typeof settings & typeof fileOnlySettings>

export const settingNames = Object.keys(settings) as SettingName[]
