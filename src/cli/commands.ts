import type { Command } from './command.ts'
import type { Example, Help, HelpLength } from './help.ts'

/** Every command and what the overview says of it; `models show` is in `commands/models-show.ts`. */
export const COMMANDS: Readonly<Record<string, string>> = {
  setup: 'prepare this machine: weights, models, and a server for its GPUs',
  predict: 'call the contigs and chunks of an input viral or not',
  shard: 'split an input into shards for runs on several machines',
  merge: 'join the results of all shards into those of one run',
  embed: 'write the embeddings of frames, chunks or whole records to a file',
  estimate: 'estimate the time and disk space of a run on this machine',
  'models pull': 'download the published weights, or copy them from a folder or a mirror',
  'models import': 'make a bundle from the model files of the original',
  'models list': 'list the bundles of the home: size, precision, classifiers, and plans for GPUs',
  'models info': 'describe a bundle and everything made from it',
  'models recheck': 'measure how far a quantized model is from the one that rechecks it',
  'models default': 'choose the bundle that commands use unless another is named',
  'models remove': 'remove a bundle of the home and everything made from it',
  'models show': 'print what is in a bundle: dimensions, precision and sources, as JSON',
  'models verify': 'check every file of a bundle against its checksum',
  'checkpoints list': 'print every checkpoint file of a run and whether it is whole',
  'checkpoints verify': 'read every checkpoint file and print each fault on a line',
  'checkpoints migrate': "bring a run into the original's layout or into Broad's",
  'checkpoints clean': 'remove leftovers of runs: temporary and damaged files, finished states',
  'utils validate-checkpoints': "the same as checkpoints verify, under the name of Broad's fork",
  'repository build': 'make a model repository for Triton Inference Server from a bundle',
  serve: 'run Triton Inference Server with a model repository, until it is stopped',
  'engines build': 'build TensorRT plans from a bundle, for the GPU of this machine',
  'engines show': 'print the TensorRT plans in a folder: GPU, TensorRT, lengths, and why one cannot be used',
  'engines tune': 'find the batch size that suits this GPU and keep it beside the plans',
  'home show': 'print where the home is, the size of each part, and the free disk space',
  'home clean': 'remove leftovers, everything made from removed bundles, and caches',
  verify: 'compare the embeddings of a bundle or a server with a reference',
  report: 'remake the report of a finished run: report.html and the tables for MultiQC',
  bench: 'measure this program on this machine, beside its alternatives',
  doctor: 'check this machine and its set-up; say how to mend what is wrong',
  config: 'print the configuration, and where each value comes from',
  help: 'print the help of a command, or the list of all',
  completion: 'print a script that completes commands in your shell',
  version: 'print the version of this program',
}

/** Nothing of a command is loaded before it is called. */
export async function loadCommand(name: string): Promise<Command> {
  const { default: definition } = await import(`./commands/${name.replace(' ', '-')}.ts`)
  return { name, about: sentence(COMMANDS[name]), ...definition }
}

/** Commands whose names have two words, by the first. */
const GROUPS: Readonly<Record<string, string>> = {
  models: 'download weights; make, list and remove model bundles',
  checkpoints: 'inspect, convert and clean the checkpoint files of runs',
  utils: "commands under the names they have in Broad's fork",
  repository: 'make model repositories for Triton Inference Server',
  engines: 'build and inspect TensorRT plans',
  home: 'show and clean the folder that keeps bundles, plans and servers',
}

export function isGroup(word: string): boolean {
  return Object.hasOwn(GROUPS, word)
}

/** Names of the commands below a group, or of all commands and groups, for suggestions. */
export function namesBelow(group: string): Set<string> {
  const names = Object.keys(COMMANDS).map((name) => name.split(' '))
  return new Set(
    names.flatMap(([first = '', second = '']) => (group === '' ? first : first === group ? second : [])),
  )
}

/** The help of the program (no name), or of a group of commands. `short` has a group in one line. */
export function overview(group = '', length: HelpLength = 'whole'): Help {
  const prefix = group === '' ? '' : `${group} `
  // Old scripts know the names of Broad's fork; nobody else needs them.
  const listed = Object.entries(COMMANDS).filter(
    ([name]) => name.startsWith(prefix) && (group !== '' || !name.startsWith('utils ')),
  )
  const isProgram = group === ''
  const lines = isProgram && length === 'short' ? collapsed(listed) : listed
  return {
    name: group,
    about: isProgram
      ? 'Find viral sequences in FASTA, FASTQ and BAM files with VirNucPro.'
      : sentence(GROUPS[group]),
    usage: ['COMMAND [OPTIONS]', ...(isProgram ? ['FILE LENGTH MODEL.pth [OPTIONS]'] : [])],
    commands: lines.map(([name, about]) => [name.slice(prefix.length), about]),
    options: {},
    examples: isProgram ? EXAMPLES : [],
    notes: [`Run "virnucpro ${prefix}COMMAND --help" for the options of a command.`],
  }
}

const EXAMPLES: readonly Example[] = [
  ['Prepare this machine, once:', 'setup'],
  ['Call the contigs of an assembly:', 'predict contigs.fasta --output-dir results'],
  ['Look for what is wrong with a machine:', 'doctor'],
]

/** Two words of a name are one line for their group. */
function collapsed(listed: readonly (readonly [name: string, about: string])[]) {
  const lines = listed.map(([name, about]): readonly [string, string] => {
    const [first = '', second] = name.split(' ')
    // Up to the first detail.
    return second === undefined ? [name, about.replace(/[:;].*/, '')] : [`${first} ...`, GROUPS[first] ?? '']
  })
  return [...new Map(lines)]
}

function sentence(text = ''): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
