import type { ErrorCodes } from '../system/error-codes.ts'

/** What `virnucpro help CODE` and docs/reference/troubleshooting.md say of an error, warning or note. */
export interface Explanation<Data> {
  readonly group: keyof typeof GROUPS
  /** Messages as they are printed, without advice; `{…}` stands for what differs. */
  readonly messages: readonly [string, ...string[]]
  /** Why it is said: whole sentences. Markdown; links start in docs/. */
  readonly cause: string
  /** What else helps, besides the advice of errors.ts. */
  readonly more?: string
  /** Data for examples of the advice. @default none */
  readonly data?: readonly Data[]
}

/** Headings of the page, in its order. */
export const GROUPS = {
  input: 'Input',
  folder: 'Output folder',
  models: 'Models and classifiers',
  gpus: 'GPUs and servers',
  serving: 'Starting servers',
  plans: 'Plans and repositories',
  setup: 'Set-up and downloads',
  results: 'During and after a run',
  embed: 'Embeddings',
  checkpoints: 'Checkpoints',
} as const

export const EXPLANATIONS: { readonly [Code in keyof ErrorCodes]: Explanation<ErrorCodes[Code]> } = {
  'missing-end': {
    group: 'input',
    messages: ['the {BAM} end marker is missing, the file may be cut off'],
    cause:
      'A BAM file ends with an empty block. Without it, the file was cut off, or is still being written.',
    more: 'Get the file again, or write it again with `samtools view -b`.',
  },
  'foreign-compression': {
    group: 'input',
    messages: [
      '{file}: compressed with {name}, which is not read directly; decompress it first: "{command}"',
    ],
    cause: 'Input may be plain, or compressed with gzip, bgzip or zstd.',
    data: [{ command: 'xz -dc reads.fa.xz' }],
  },
  'empty-stream': {
    group: 'input',
    messages: ['{stream}:1: {what}; the command that writes to it may have failed'],
    cause: 'A pipe gave nothing. A command that failed looks the same as one that had nothing to say.',
    data: [{ source: '<stdin>' }],
  },
  'duplicate-id': {
    group: 'input',
    messages: ['{place}: duplicate id "{id}", first at {place}'],
    cause:
      'Two records have one id, so that their rows could not be told apart. An id is the first word of a header.',
    more: '[Input](reference/input.md#mates-and-duplicate-ids) says how mates of a pair are named.',
    data: [{ id: 'contig_1' }],
  },
  'empty-record': {
    group: 'input',
    messages: ['{place}: record "{id}" has no sequence'],
    cause: 'A header has no letters after it, and `--on-invalid fail` makes that an error.',
    data: [{ id: 'contig_1' }],
  },
  protein: {
    group: 'input',
    messages: [
      '{place}: record "{id}" looks like protein: {N} of {N} letters are amino acids (E F I J L O P Q Z)',
    ],
    cause: 'The record holds amino acids. `predict` reads DNA and translates it in all six frames.',
    more: 'Give the nucleotide sequences that the proteins come from.',
    data: [{ id: 'protein_1' }],
  },
  'input-changed': {
    group: 'input',
    messages: [
      'the input {file} has changed since the run began: {before} -> {after}. Nothing was marked finished. Put the file back as it was and start again',
    ],
    cause:
      'A file was written to, replaced or removed while a run read it, or between two starts of one run.',
  },
  'place-taken': {
    group: 'folder',
    messages: [
      'the output folder holds {run} that cannot be continued with this command:',
      '{path} exists and is not from a run that could be continued',
      '{path} was made by a newer version of virnucpro: use that one, or another output folder',
      '{path} is not as the finished run wrote it: it was changed or damaged since. Move it away to compute it again',
      'the unfinished run in {folder} was not over what {stream} holds now: part {N} differs. Nothing of it was removed: give it the same bytes',
    ],
    cause:
      'The output folder has results or the state of another run: of other input, with other settings or models, or of another program. The lines below the message say in what the two differ.',
    more: '[Reliability](explanation/reliability.md#what-decides) lists what a run must have in common with the one that it goes on with.',
    data: [{ path: 'out' }, { path: 'out', oldRun: true }],
  },
  'foreign-file': {
    group: 'folder',
    messages: [
      '{path} exists, and no run of this program has recorded it as its own, so it is not overwritten: move it away, or choose another output folder',
      'these files have names that this run would use, and no run of {stem} has recorded them as its own, so they are neither overwritten nor removed',
      '{path} is {what} and also {path}, which this run would write or remove: rename it, or choose another output folder. Nothing was changed',
    ],
    cause:
      'A run overwrites and removes only files that it has recorded as its own. This one was made by you, by another program, or by a run whose record was removed.',
    more: '[Your files](explanation/reliability.md#your-files) says what is recorded.',
    data: [{ path: 'out/contigs_merged' }, { path: 'out/contigs_merged', oldRun: true }],
  },
  'place-not-ours': {
    group: 'folder',
    messages: [
      '{path} has a name that this command would use, and no run has recorded it as its own: move it away, or choose another output folder. Nothing was changed',
    ],
    cause:
      'A run over several samples writes `samples.tsv` and `samples_report/`, and something else has one of these names.',
  },
  'already-computed': {
    group: 'folder',
    messages: [
      '{N} of {samples} finished{before}: {table}',
      '{embeddings} of an old run in {folder} will be used for the sequences they were made of; it is up to you that the same models made them',
    ],
    cause: 'The same command has run before. Results that are there are kept, and nothing is computed twice.',
  },
  'sample-names': {
    group: 'folder',
    messages: ['{file} is "{name}" already', 'there is no sample'],
    cause:
      'Each sample has a folder of its name, so that names must differ by more than case and be names of folders. With `--per-input` a sample is called like its file.',
  },
  'cannot-ask': {
    group: 'folder',
    messages: ['there is no terminal to ask on'],
    cause:
      'The command asks before it removes or replaces something, and neither standard input nor standard error is a terminal.',
  },
  'chunk-length-unknown': {
    group: 'models',
    messages: [
      'which chunk length the classifier {name} was made for is not known; chunks here have {N} bases',
      'by its name the classifier {name} was made for chunks of {N} bases, and chunks here have {N}',
    ],
    cause:
      'Scores mean little for chunks of another length than those that a classifier was trained on. The length is known from `--mlp LENGTH=FILE`, or from the names `300_model.pth` and `500_model.pth`.',
  },
  'chunk-length-mismatch': {
    group: 'models',
    messages: [
      'the classifier {name} was made for chunks of {N} bases, and {what}: its scores would mean little',
    ],
    cause: 'The run cuts chunks of another length than those that the classifier was trained on.',
    data: [{ length: 500 }],
  },
  'no-classifier': {
    group: 'models',
    messages: [
      'the classifiers {name} were made for chunks of {N} bases, and none for {N}: scores of another would mean little',
    ],
    cause: 'The bundle has several classifiers, and none for the length of chunks that the run cuts.',
    data: [{ lengths: [300, 500] }],
  },
  'classifier-length': {
    group: 'models',
    messages: [
      '{folder} can have several classifiers only where the chunk length of each is known, and that of {file} is not',
      'which chunk length the classifier {file} was made for is not known',
    ],
    cause:
      'Among several classifiers the length of chunks decides, and the name of this file does not say it.',
  },
  'classifier-taken': {
    group: 'models',
    messages: ['{folder} has another classifier for chunks of {N} bases: {file}'],
    cause: 'A bundle has one classifier for each length, and another file is there already.',
  },
  'classifier-as-weights': {
    group: 'models',
    messages: ['{model}: {file} is a classifier of VirNucPro: expected the weights of the language model'],
    cause: 'The file of a classifier was given where the weights of ESM-2 or DNABERT-S belong.',
  },
  'other-weights': {
    group: 'models',
    messages: ['{model}: {file} holds the weights of {model}'],
    cause: 'The weights of one language model were given as those of the other.',
    data: [{ model: 'esm2' }, { model: 'dnabert_s' }],
  },
  'bundle-damaged': {
    group: 'models',
    messages: ['the bundle {folder} is damaged: {file} {problem}.'],
    cause:
      'A file of the bundle is missing, or its SHA-256 is not the one of the import: a failing disk, a copy that broke off, a hand that changed it.',
    more: 'Copy the bundle again, or import the models again. A damaged bundle is never computed with.',
  },
  'no-bundle': {
    group: 'models',
    messages: [
      '{folder} is not a bundle: {reason}',
      'there is no bundle {name}: no folder has that name, and no bundle of the home',
    ],
    cause: 'A bundle is a folder with `manifest.json`, or the name of one in [the home](reference/home.md).',
    data: [{ path: 'models' }],
  },
  'bundle-not-named': {
    group: 'models',
    messages: [
      'no model bundle is set up, and none was named',
      'no bundle was named, and of those that are set up none is the default',
    ],
    cause:
      'Without `--bundle` the default bundle of [the home](reference/home.md) is used, and there is none.',
    data: [{ bundles: false }, { bundles: true }],
  },
  'default-missing': {
    group: 'models',
    messages: ['the default bundle of the home, {folder}, is not there'],
    cause: 'The folder of the default bundle was removed or moved by hand.',
  },
  'no-such-bundle': {
    group: 'models',
    messages: ['no bundle of the home is called {name}'],
    cause: 'A bundle is named by its id, or by the first letters of its id.',
  },
  'needs-server': {
    group: 'models',
    messages: ['the bundle {folder} is in {precision}, which the CPU cannot compute'],
    cause:
      'BF16, FP16 and FP8 are for GPUs. [Precisions](reference/precisions.md) lists what computes where.',
    data: [{ fused: false }, { fused: true }],
  },
  'no-partner': {
    group: 'models',
    messages: [
      'the bundle {bundle} has no partner of a quantized model: nothing is rechecked',
      'frames cannot be rechecked: {reason}',
      'calls are those of {precision}: there is no more precise model beside the one in {precision} to recheck frames with',
    ],
    cause:
      'Models in INT8 or FP8 are quantized. Frames whose score is close to a cut-off are computed again with a more precise partner, and this bundle has none.',
  },
  'no-bounds': {
    group: 'models',
    messages: [
      'calls are those of {precision}: how far scores in {precision} may be off was not measured with this classifier',
    ],
    cause:
      'Which frames are rechecked follows from how far a score may be off, and that is measured for each classifier.',
  },
  'bound-exceeded': {
    group: 'models',
    messages: [
      'frames of up to {tokens} tokens are off by {difference}, more than the {bound} that was measured: all of them are computed in {precision}',
    ],
    cause:
      'A frame that was computed in both precisions differs by more than any of those that [the bound](reference/precisions.md#how-far-the-two-are-apart) was measured with, times 1.25. The bound is not trusted for its length class any more. The calls are as good as ever; the run takes longer.',
  },
  'not-measured': {
    group: 'models',
    messages: ['how far {precision} is from its partner is measured through a server that hosts both'],
    cause:
      'Models in FP8 compute on GPUs alone: an import cannot run them. [What is measured](reference/precisions.md#how-far-the-two-are-apart) decides which frames a run rechecks.',
    data: [{ bundle: 'models-fp8' }],
  },
  'not-finite': {
    group: 'models',
    messages: ['{model} makes embeddings with NaN or infinity, which are not used'],
    cause: 'Weights are damaged, or a number inside the model is larger than its precision holds.',
  },
  'beyond-fp16': {
    group: 'models',
    messages: ['{model} gives NaN or infinity in FP16, though not in FP32'],
    cause: 'FP16 holds numbers up to 65,504, and this model has larger ones. BF16 has the range of FP32.',
  },
  'no-kernel': {
    group: 'models',
    messages: ['the attention kernel takes heads of {sizes} numbers; those of {model} have {N}'],
    cause:
      'Fused attention is computed by a kernel of our own, which is made for the heads of the published models.',
  },
  'no-reference': {
    group: 'models',
    messages: [
      'the bundle {folder} is in {precision}, and a reference is computed on the CPU, from fp32 or int8',
    ],
    cause:
      '`verify` compares with embeddings that are computed on the CPU, which cannot compute this bundle.',
  },
  'no-golden-sequences': {
    group: 'models',
    messages: ['the sequences of {file} are not beside it'],
    cause: 'Files of embeddings of the original hold no sequences; these are in a FASTA file beside them.',
  },
  'repository-not-named': {
    group: 'gpus',
    messages: ['the GPU is not used, since no model repository is named for a server'],
    cause: 'GPUs are used through a Triton server, and a server needs a model repository.',
  },
  'no-gpu': {
    group: 'gpus',
    messages: ['a model repository is named for a server, and this machine has no GPU for it'],
    cause:
      'Neither `nvidia-smi` nor `CUDA_VISIBLE_DEVICES` names a GPU. On a processor, a server is slower than this program by itself.',
    more: '`virnucpro doctor` says why a GPU is not seen.',
  },
  'no-server-named': {
    group: 'gpus',
    messages: ['no server is named for the backend triton, and no model repository to start one with'],
    cause: '`--backend triton` computes on servers only.',
  },
  'gpu-not-used': {
    group: 'gpus',
    messages: ['GPU {N} was asked for, and none will be used: {reason}'],
    cause:
      '`--gpus` or `--device` asks for GPUs, and the run would compute on the processor, which takes far longer.',
    more: '`fallback_to_cpu` in the [configuration](reference/configuration.md) makes it a warning.',
  },
  'gpus-not-set-up': {
    group: 'gpus',
    messages: [
      'the {gpus} of this machine ({names}) {are} not set up',
      'nothing is set up for GPUs',
      'what a server on these GPUs needs is not there: {reason}',
      'the server that was set up cannot be used: {reason}',
    ],
    cause:
      'The machine has GPUs, and set-up was never done for them, or the GPUs, the driver or the server have changed since.',
    data: [{}, { setupSeconds: 1500, hereSeconds: 7200 }],
  },
  'memory-too-small': {
    group: 'gpus',
    messages: [
      '{model} ran out of memory; from now on batches of more than {N} tokens are computed there in pieces',
      'out of memory: {model} computes batches of more than {N} tokens in pieces',
    ],
    cause:
      'A batch did not fit into the memory of the GPU or of this machine. The results are the same, and the run is slower.',
    data: [{ model: 'esm', tokens: 4096 }],
  },
  'no-server': {
    group: 'gpus',
    messages: [
      'no inference server with every model has answered for {N} s ({reason})',
      'no inference server has finished a batch for {N} s, though work was waiting ({reason}). What is done is kept',
    ],
    cause: 'Servers are down, still loading their models, unreachable, or host other models.',
    more: 'The same command goes on where the run stopped.',
  },
  'no-access': {
    group: 'gpus',
    messages: ['{answer}. What is done is kept'],
    cause:
      'A server or a proxy before it refuses this client, or it is no inference server. [Servers](reference/servers.md) has the options for TLS and keys.',
    data: [{ lacks: 'certificates' }, { lacks: 'credentials' }, { lacks: 'address' }],
  },
  'bad-certificate': {
    group: 'gpus',
    messages: [
      '{file}: there is no certificate in it',
      '{file}: there is no private key in it',
      '{file}: damaged, or of a kind that is not known here',
      '{file}: a certificate of a client needs its key',
      '{file}: a key needs its certificate',
      '{file}: the key is encrypted, and its passphrase is not asked for; name a copy without',
      '{file}: the key does not belong to the certificate {file}',
    ],
    cause: 'A file that was named for TLS holds no certificate or no key, or the two do not belong together.',
    more: '`openssl pkey -in KEY -out COPY` writes a copy of an encrypted key without its passphrase, which only you should be able to read.',
  },
  'other-model': {
    group: 'gpus',
    messages: [
      "{model} was made from other weights ({digest}) than the bundle's ({digest})",
      '{model} computes in {precision} there, and the bundle is in {precision}: their results must not be mixed',
      "{model} hosts {model}, made from the same files as the bundle's {model}, but with other graphs or weights",
      "{model} gives embeddings of {N} numbers, the bundle's model {N}: they are not the same model",
    ],
    cause:
      'A server hosts another model than the bundle of the run, or than the other servers do. Results of two models must not be mixed.',
    more: '[Repositories](reference/repositories.md#which-model-a-server-hosts) says how models are told apart.',
  },
  'unstated-model': {
    group: 'gpus',
    messages: [
      '{server} does not say which model it hosts, so that nothing would show if another one took its place',
    ],
    cause:
      'The repository of the server was made by virnucpro 0.1.0 or by hand, and has no digest of its models.',
  },
  'own-servers': {
    group: 'gpus',
    messages: ['using the servers that you have started at {address}'],
    cause:
      'You have started servers with the models of this run, so that it uses them without being asked to.',
  },
  'unnamed-server': {
    group: 'gpus',
    messages: [
      'a server at {address} says that it has these models, but you have neither named nor started it: nothing is sent to it',
    ],
    cause: 'Sequences go only to servers that you have named or started.',
    data: [{ url: 'localhost:8001' }],
  },
  'server-kept': {
    group: 'gpus',
    messages: ['the server keeps running after this run, and ends when nobody has used it for {N} s'],
    cause: '`--keep-server` keeps the server for the next run, which then begins at once.',
  },
  'no-server-program': {
    group: 'serving',
    messages: [
      'this machine has a GPU but no Triton server',
      'no Triton server found: there is no tritonserver on PATH and no {path}',
      'the server program {path}: there is no such program, or it may not be run',
    ],
    cause:
      "Triton Inference Server comes in NVIDIA's containers and as packages; `virnucpro setup` installs one where there is none.",
  },
  'no-repository': {
    group: 'serving',
    messages: [
      'model repository {folder}: no such folder',
      'model repository {folder}: no model in it (expected MODEL/config.pbtxt)',
    ],
    cause: 'The folder is not a model repository of Triton.',
  },
  'no-containers': {
    group: 'serving',
    messages: [
      'a container needs {engine}, and there is no {engine} on PATH: install it',
      'a container needs the compose plugin of Docker ("docker compose"): {reason}; install it',
      'Docker does not answer: {reason}; start its daemon',
    ],
    cause: 'A server in a container needs Docker with its compose plugin, Podman or Apptainer.',
  },
  'no-gpu-for-servers': {
    group: 'serving',
    messages: ['no GPU for a server each: {reason}'],
    cause: '`--per-gpu` starts one server for each GPU, and none is seen.',
    more: '`virnucpro doctor` says why.',
  },
  'startup-timeout': {
    group: 'serving',
    messages: ['the server was not ready within {N} s ({state})'],
    cause: 'The server was still loading its models, or hangs. Its last lines are printed below the message.',
  },
  'port-in-use': {
    group: 'serving',
    messages: ['port {N} of {address}, for {purpose}, cannot be used: {reason}'],
    cause:
      'Another program listens there, often a server of an earlier call, or this machine does not allow the port or the address.',
    more: '`virnucpro serve --list` shows servers that you have started.',
    data: [
      { port: 'grpc', hindrance: 'program' },
      { port: 'grpc', hindrance: 'port' },
      { port: 'grpc', hindrance: 'address' },
    ],
  },
  'repository-unusable': {
    group: 'serving',
    messages: [
      'the repository {folder} is damaged: {path} {problem}',
      'the server could not load {models} of {repository}:',
    ],
    cause:
      'Files of the repository were changed after it was built, or it was built for another server, such as one with another version of TensorRT.',
  },
  'metrics-port': {
    group: 'serving',
    messages: ['cannot serve metrics at port {N}: {reason}'],
    cause: 'Another program listens at the port of `--metrics-port`, often another run.',
  },
  'metrics-addresses': {
    group: 'serving',
    messages: ['{N} addresses for metrics and {N} servers: give one for each server, in the same order'],
    cause: '`--triton-metrics` has another number of addresses than `--triton`.',
  },
  'no-metrics': {
    group: 'serving',
    messages: ['no metrics from {address}'],
    cause:
      'A server does not answer where its page for Prometheus is expected, one port above that for gRPC. The run needs none.',
  },
  'no-plans': {
    group: 'plans',
    messages: [
      'no TensorRT plan in {folder}: expected model_smXX.plan',
      'no plan of {model} in {folder} runs on {gpu}',
    ],
    cause:
      'A plan runs on the kind of GPU, in the version of TensorRT and with the models that it was built for.',
    more: '`virnucpro engines show` says why a plan cannot be used.',
  },
  'plans-not-named': {
    group: 'plans',
    messages: ['the backend tensorrt needs a folder with TensorRT plans'],
    cause: 'The TensorRT backend of Triton loads plans and no graphs.',
  },
  'attention-needs-plans': {
    group: 'plans',
    messages: [
      'the bundle {folder} has fused attention, which only TensorRT plans in the Python backend can compute',
    ],
    cause:
      'The graphs of the bundle leave attention to a kernel of our own, which TensorRT loads as a plugin.',
  },
  'precision-needs-plans': {
    group: 'plans',
    messages: [
      'the bundle {folder} is in {precision}, which the Python backend can compute only through TensorRT plans',
    ],
    cause: 'Without plans the Python backend computes on the processor, which has FP32 and INT8 only.',
  },
  'plans-need-gpu-precision': {
    group: 'plans',
    messages: [
      'the bundle {folder} is in {precision}, but TensorRT plans are built from one of {precisions}: a plan computes in the precision of its graph',
    ],
    cause: 'FP32 and INT8 bundles are for processors.',
  },
  'gpu-lacks-precision': {
    group: 'plans',
    messages: ['{precision} needs GPUs of compute capability {N} or higher; {gpu} has {N}'],
    cause: 'BF16 needs an Ampere GPU or a newer one, FP8 an Ada or Hopper one.',
  },
  'attention-needs-bindings': {
    group: 'plans',
    messages: ["the bundle {folder} has fused attention, which only TensorRT's Python bindings can build"],
    cause: '`trtexec` cannot load the plugin of fused attention.',
  },
  'profile-too-long': {
    group: 'plans',
    messages: ['a profile of {N} tokens: the attention kernel has angles for {N}'],
    cause: 'Fused attention reaches as far as its table of angles.',
  },
  'no-tensorrt': {
    group: 'plans',
    messages: ['{python} has no TensorRT: {reason}'],
    cause:
      "Plans are built with TensorRT's Python bindings, in the version of the server that will load them.",
  },
  kept: {
    group: 'plans',
    messages: [
      '{model}: {plan} fits already',
      '{model}: batches of {N} tokens, measured {date}',
      'the bundle that is there was calibrated with {file}, and stays',
    ],
    cause: 'What was built, measured or imported before fits, so that it is not made again.',
    data: [{ again: 'build it' }, { again: 'measure' }, { again: 'import it' }],
  },
  'no-runtime': {
    group: 'setup',
    messages: [
      'the GPUs of this machine cannot be used: {reason}',
      'there is no server for the GPUs of this machine:',
    ],
    cause:
      'The driver does not answer, or no way to a server works here; the lines below the message name each way with the reason.',
  },
  'runtime-gone': {
    group: 'setup',
    messages: [
      'the program {path}, which was set up for GPUs, is not there, or may not be run',
      'the private server {folder} is not there, or the Python that it was made from is gone',
      '{program}, which was set up to build TensorRT plans, {reason}',
    ],
    cause: 'The server that set-up has found or installed was removed, moved or updated since.',
  },
  'other-platform': {
    group: 'setup',
    messages: ['{what} on {system}: that needs Linux'],
    cause:
      'Servers, plans and set-up for GPUs need Linux. [Systems](reference/platforms.md) says what works elsewhere.',
    data: [{ windows: false }, { windows: true }],
  },
  'no-image': {
    group: 'setup',
    messages: ['{image} could not be fetched:'],
    cause:
      'The registry does not answer, does not have the image, or wants a login. The lines below the message are its own.',
  },
  'no-packages': {
    group: 'setup',
    messages: ['{what} failed', 'pip said:'],
    cause:
      'pip cannot reach an index, or the index lacks a package. The lines below the message are its own.',
  },
  'classifiers-needed': {
    group: 'setup',
    messages: [
      'the bundle {folder} is damaged, and is made again; where its classifiers come from is not on record',
    ],
    cause: 'A bundle is made again from its weight files, and those of its classifiers are not known.',
  },
  'no-sources': {
    group: 'setup',
    messages: [
      'where the weights of {folder} come from is not known',
      'the weights that {folder} was made from are needed, and {path} is not there',
      'the weight files {files} are not those that {folder} was made from',
    ],
    cause:
      'Models for GPUs are made from the weight files of the bundle, and these were moved, removed or replaced.',
  },
  'no-room-in-home': {
    group: 'setup',
    messages: [
      '{folder}: the disk is too small: {size} are needed, and {size} are free',
      '{folder}: a private server needs about {size} of disk {what}, and {size} are free',
      '{what}: the disk is full',
    ],
    cause:
      'Weights, bundles, plans and servers are kept in [the home](reference/home.md), and its disk does not hold them.',
    more: '`virnucpro home clean` removes what is not needed any more.',
  },
  'no-room': {
    group: 'setup',
    messages: ['{folder}: the disk is too small: {size} are to come, and {size} are free'],
    cause: 'The disk does not hold the weight files.',
  },
  'no-download': {
    group: 'setup',
    messages: ['{host} answered {N}: there is no {url}', '{what}: {reason}'],
    cause:
      'The server does not answer, a proxy or firewall is in between, or the file is not there any more.',
    more: '[Get the weights](how-to/weights.md) has the ways without a network.',
  },
  'download-refused': {
    group: 'setup',
    messages: ['{host} answered {N}: it does not give {url} to this client'],
    cause: 'The file is for users who have logged in or accepted a licence, or the key is wrong.',
  },
  'can-be-pulled': {
    group: 'setup',
    messages: ['{option} {path}: no such file'],
    cause: 'The path names published weights that are not on this machine yet.',
    data: [{ name: 'esm2_t36_3B_UR50D' }],
  },
  'in-use': {
    group: 'setup',
    messages: ['{what} is in use, by {process}'],
    cause: 'A run or a server works with what is to be removed or replaced.',
  },
  'home-damaged': {
    group: 'setup',
    messages: ['{path}, which holds what was set up, is damaged: {reason}'],
    cause:
      'The record of the home was changed by hand or by a failing disk. Bundles and servers are not affected.',
  },
  'other-home': {
    group: 'setup',
    messages: [
      'the home {folder} is read-only for this user, and cannot be changed',
      'the home {folder} is a file, and should be a folder',
      '{path} has version {N}, and this program reads version {N}: use the program that wrote it, or another home',
    ],
    cause: 'This program cannot use the folder in which it keeps what it makes.',
  },
  'frames-missing': {
    group: 'results',
    messages: [
      '{N} of {parts} failed, {frames} missing from the tables: {file} lists them with the reasons. The same command{more} computes only these',
    ],
    cause:
      'Single frames could not be computed, mostly because a server refused them, and everything else is in the tables. The exit code is 2.',
    more: '[Parts that fail](how-to/resuming.md#parts-that-fail) says what is kept.',
  },
  'server-stalled': {
    group: 'results',
    messages: [
      'stalled: the server at {address} has not answered for {N} s or more, and {consequence}; check that its process runs, and read its log',
      "stalled: {model} gives no answers, though its server does, and {consequence}; read what the server's log says of this model",
    ],
    cause: 'A server or one of its models hangs. Its batches go to other servers, or the run waits for it.',
  },
  'gpu-idle': {
    group: 'results',
    messages: [
      'no model of the server may have an instance on it: see instance_group in the model repository',
    ],
    cause: 'A GPU of a server has computed nothing for a minute, though work was waiting.',
  },
  'client-bound': {
    group: 'results',
    messages: [
      'client-bound: this program is the bottleneck: no batch is queued and no device is busy for 80 % of the time. Give it more cores and a faster disk, or decompress the input beforehand; more GPUs would not help',
    ],
    cause: 'Reading, translating and tokenizing take longer than the GPUs need.',
  },
  'no-report': {
    group: 'results',
    messages: ['{folder}: no {summary} in it or in a folder *_report below it'],
    cause: 'The folder has no report to make again.',
  },
  'embedding-clash': {
    group: 'embed',
    messages: [
      'a greatest length is for whole records, and {what} are embedded',
      'ambiguous letters are those of DNA, and proteins are embedded',
      'chunks are DNA, which ESM-2 does not read: embed frames, which are translated for it',
      'a whole record is DNA or protein, and each model reads one of the two: choose a model',
      '{what} are cut from DNA, and the input is said to hold proteins: embed whole records',
    ],
    cause:
      'DNABERT-S reads DNA and ESM-2 reads proteins; what is to be embedded, the model and the input do not go together.',
  },
  'alphabet-unknown': {
    group: 'embed',
    messages: [
      '{stream} is a stream, which can be read only once: whether it holds DNA or proteins has to be known before',
    ],
    cause: 'What a file holds is found out from its content, for which a pipe would have to be read twice.',
  },
  'too-long': {
    group: 'embed',
    messages: [
      '{place}: record "{id}" has {bases}, more than the {N} that are embedded',
      'the sequence {id} has {N} letters, more than the {N} that are embedded',
    ],
    cause: 'A record is longer than what a model is given, and `--too-long fail` makes that an error.',
    data: [{ id: 'contig_1' }],
  },
  'sequence-refused': {
    group: 'embed',
    messages: ['the sequence {id} cannot be embedded: {reason}'],
    cause: 'A model refused a sequence three times, alone too.',
    data: [{ id: 'contig_1' }],
  },
  'embeddings-missing': {
    group: 'embed',
    messages: [
      '{sequences} could not be embedded: {file} lists them with the reasons. The same command{more} computes only these',
    ],
    cause: 'Single sequences could not be computed; everything else is in the file. The exit code is 2.',
  },
  'output-taken': {
    group: 'embed',
    messages: [
      '{path} exists, and no run has recorded it as its own: it is neither overwritten nor removed',
      '{path} is {what} and also {path}, which this run would write. Nothing was changed',
      'the unfinished run for {path} was not over what {stream} holds now: part {N} differs. Nothing of it was removed: give it the same bytes',
    ],
    cause: 'A file of yours, or of another run, has the name of the output.',
    data: [{ path: 'frames.parquet' }],
  },
  'checkpoints-unusable': {
    group: 'checkpoints',
    messages: ['nothing was migrated, because these files cannot be used:'],
    cause:
      'Files of the run are damaged, or contradict one another. The lines below the message name each with its fault.',
  },
  'names-taken': {
    group: 'checkpoints',
    messages: ['nothing was migrated, because these files are not of a run and would be overwritten:'],
    cause: 'Files that no run has made have the names that the migration would write.',
  },
}
