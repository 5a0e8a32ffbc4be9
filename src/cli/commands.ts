import { type Command, commonOptions } from './command.ts'
import type { Help } from './help.ts'

interface Listed {
  /** What the overview says. */
  about: string
  /** Nothing of a command is loaded before it is called. */
  load(): Promise<{ default: Command }>
  /** Left out of the overview of all commands. */
  hidden?: true
}

const table: Readonly<Record<string, Listed>> = {
  predict: {
    about: 'call each chunk of the input viral or not',
    load: () => import('./commands/predict.ts'),
  },
  'models import': {
    about: 'make a bundle from the model files of the original',
    load: () => import('./commands/models-import.ts'),
  },
  'models show': { about: 'print what is in a bundle', load: () => import('./commands/models-show.ts') },
  'models verify': {
    about: 'check every file of a bundle against its checksum',
    load: () => import('./commands/models-verify.ts'),
  },
  'checkpoints list': {
    about: 'print every checkpoint file of a run and whether it is whole',
    load: () => import('./commands/checkpoints-list.ts'),
  },
  'checkpoints verify': {
    about: 'read every checkpoint file and print each fault',
    load: () => import('./commands/checkpoints-verify.ts'),
  },
  'checkpoints migrate': {
    about: "bring a run into the original's layout or into Broad's",
    load: () => import('./commands/checkpoints-migrate.ts'),
  },
  'checkpoints clean': {
    about: 'remove what runs have left behind and nobody can use',
    load: () => import('./commands/checkpoints-clean.ts'),
  },
  'utils validate-checkpoints': {
    about: 'the same as checkpoints verify',
    load: () => import('./commands/utils-validate-checkpoints.ts'),
    hidden: true,
  },
  'repository build': {
    about: 'make a model repository for Triton Inference Server from a bundle',
    load: () => import('./commands/repository-build.ts'),
  },
  serve: {
    about: 'start Triton Inference Server with a model repository',
    load: () => import('./commands/serve.ts'),
  },
  'engines build': {
    about: 'build TensorRT plans from a bundle, for the GPU of this machine',
    load: () => import('./commands/engines-build.ts'),
  },
  'engines show': {
    about: 'print the TensorRT plans in a folder and what is wrong with any',
    load: () => import('./commands/engines-show.ts'),
  },
  'engines tune': {
    about: 'find the batch size that suits this GPU',
    load: () => import('./commands/engines-tune.ts'),
  },
  verify: {
    about: 'check the embeddings of a bundle or a server against a reference',
    load: () => import('./commands/verify.ts'),
  },
  report: { about: 'remake the report of a finished run', load: () => import('./commands/report.ts') },
  bench: {
    about: 'measure this program on this machine, beside what one would use instead',
    load: () => import('./commands/bench.ts'),
  },
  config: {
    about: 'print the effective configuration and where each value comes from',
    load: () => import('./commands/config.ts'),
  },
}

/** Every command by its name. */
export const commands: ReadonlyMap<string, Listed> = new Map(Object.entries(table))

/** Commands whose names have two words, by the first. */
const GROUPS: Readonly<Record<string, string>> = {
  models: 'Makes and inspects model bundles.',
  checkpoints: "Inspects and converts the checkpoint files of runs, the original's and Broad's included.",
  utils: "Commands under the names they have in Broad's fork.",
  repository: 'Makes model repositories for Triton Inference Server.',
  engines: 'Builds and inspects TensorRT plans.',
}

export function isGroup(word: string): boolean {
  return Object.hasOwn(GROUPS, word)
}

/** Names of the commands below a group, or of all commands and groups, for suggestions. */
export function namesBelow(group: string): Set<string> {
  const names = [...commands.keys()].map((name) => name.split(' '))
  return new Set(
    names.flatMap(([first = '', second = '']) => (group === '' ? first : first === group ? second : [])),
  )
}

/** The help of the program (no name), or of a group of commands. */
export function overview(group = ''): Help {
  const prefix = group === '' ? '' : `${group} `
  const listed = [...commands].filter(
    ([name, { hidden }]) => name.startsWith(prefix) && (group !== '' || hidden === undefined),
  )
  return {
    name: group,
    about: GROUPS[group] ?? 'Finds viral sequences in FASTA and FASTQ files with VirNucPro.',
    usage: ['COMMAND [OPTIONS]', ...(group === '' ? ['FILE LENGTH MODEL.pth [OPTIONS]'] : [])],
    commands: listed.map(([name, { about }]) => [name.slice(prefix.length), about]),
    options: commonOptions,
    notes: [`Run "virnucpro ${prefix}COMMAND --help" for the options of a command.`],
  }
}
