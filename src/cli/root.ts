import { defineCommand } from 'citty'
import { commonArgs } from './args/logging.ts'
import type { CommandHelp } from './help.ts'

/** The commands and how to load each; nothing of a command is loaded before it is called. */
export const subCommands = {
  predict: () => import('./commands/predict.ts').then((module) => module.default),
  models: () => import('./commands/models.ts').then((module) => module.default),
  checkpoints: () => import('./commands/checkpoints.ts').then((module) => module.default),
  utils: () => import('./commands/utils.ts').then((module) => module.default),
  repository: () => import('./commands/repository.ts').then((module) => module.default),
  serve: () => import('./commands/serve.ts').then((module) => module.default),
  engines: () => import('./commands/engines.ts').then((module) => module.default),
  verify: () => import('./commands/verify.ts').then((module) => module.default),
  report: () => import('./commands/report.ts').then((module) => module.default),
  bench: () => import('./commands/bench.ts').then((module) => module.default),
  config: () => import('./commands/config.ts').then((module) => module.default),
}

/** Commands below `models`; here, so that a command line can be routed without loading anything. */
export const modelsCommands = {
  import: () => import('./commands/models-import.ts').then((module) => module.default),
  show: () => import('./commands/models-show.ts').then((module) => module.default),
  verify: () => import('./commands/models-verify.ts').then((module) => module.default),
}

/** Commands below `checkpoints`. */
export const checkpointsCommands = {
  list: () => import('./commands/checkpoints-list.ts').then((module) => module.default),
  verify: () => import('./commands/checkpoints-verify.ts').then((module) => module.default),
  migrate: () => import('./commands/checkpoints-migrate.ts').then((module) => module.default),
  clean: () => import('./commands/checkpoints-clean.ts').then((module) => module.default),
}

/** What is left of Broad's `utils`, for old scripts. */
export const utilsCommands = {
  'validate-checkpoints': () =>
    import('./commands/utils-validate-checkpoints.ts').then((module) => module.default),
}

/** Commands below `repository`. */
export const repositoryCommands = {
  build: () => import('./commands/repository-build.ts').then((module) => module.default),
}

/** Commands below `engines`. */
export const enginesCommands = {
  build: () => import('./commands/engines-build.ts').then((module) => module.default),
  show: () => import('./commands/engines-show.ts').then((module) => module.default),
  tune: () => import('./commands/engines-tune.ts').then((module) => module.default),
}

export const root = defineCommand({ meta: { name: 'virnucpro' }, subCommands })

export const rootHelp: CommandHelp = {
  name: 'virnucpro',
  about: 'Finds viral sequences in FASTA and FASTQ files with VirNucPro.',
  usage: ['COMMAND [OPTIONS]', 'FILE LENGTH MODEL.pth [OPTIONS]'],
  commands: [
    ['predict', 'call each chunk of the input viral or not'],
    ['models import', 'make a bundle from the model files of the original'],
    ['models show', 'print what is in a bundle'],
    ['models verify', 'check every file of a bundle against its checksum'],
    ['checkpoints list', 'print every checkpoint file of a run and whether it is whole'],
    ['checkpoints verify', 'read every checkpoint file and print each fault'],
    ['checkpoints migrate', "bring a run into the original's layout or into Broad's"],
    ['checkpoints clean', 'remove what runs have left behind and nobody can use'],
    ['repository build', 'make a model repository for Triton Inference Server from a bundle'],
    ['serve', 'start Triton Inference Server with a model repository'],
    ['engines build', 'build TensorRT plans from a bundle, for the GPU of this machine'],
    ['engines show', 'print the TensorRT plans in a folder and what is wrong with any'],
    ['engines tune', 'find the batch size that suits this GPU'],
    ['verify', 'check the embeddings of a bundle or a server against a reference'],
    ['report', 'make the report of a finished run anew'],
    ['bench', 'measure this program on this machine, beside what one would use instead'],
    ['config', 'print the effective configuration and where each value comes from'],
  ],
  groups: [commonArgs],
  notes: ['Run "virnucpro COMMAND --help" for the options of a command.'],
}

export const modelsHelp: CommandHelp = {
  name: 'virnucpro models',
  about: 'Makes and inspects model bundles.',
  usage: ['COMMAND [OPTIONS]'],
  commands: [
    ['import', 'make a bundle from the model files of the original'],
    ['show', 'print what is in a bundle'],
    ['verify', 'check every file of a bundle against its checksum'],
  ],
  groups: [commonArgs],
  notes: ['Run "virnucpro models COMMAND --help" for the options of a command.'],
}

export const checkpointsHelp: CommandHelp = {
  name: 'virnucpro checkpoints',
  about: "Inspects and converts the checkpoint files of runs, the original's and Broad's included.",
  usage: ['COMMAND [OPTIONS]'],
  commands: [
    ['list', 'print every checkpoint file of a run and whether it is whole'],
    ['verify', 'read every checkpoint file and print each fault'],
    ['migrate', "bring a run into the original's layout or into Broad's"],
    ['clean', 'remove what runs have left behind and nobody can use'],
  ],
  groups: [commonArgs],
  notes: ['Run "virnucpro checkpoints COMMAND --help" for the options of a command.'],
}

export const utilsHelp: CommandHelp = {
  name: 'virnucpro utils',
  about: "Commands under the names they have in Broad's fork.",
  usage: ['COMMAND [OPTIONS]'],
  commands: [['validate-checkpoints', 'the same as checkpoints verify']],
  groups: [commonArgs],
}

export const repositoryHelp: CommandHelp = {
  name: 'virnucpro repository',
  about: 'Makes model repositories for Triton Inference Server.',
  usage: ['COMMAND [OPTIONS]'],
  commands: [['build', 'make a model repository from a bundle']],
  groups: [commonArgs],
  notes: ['Run "virnucpro repository COMMAND --help" for the options of a command.'],
}

export const enginesHelp: CommandHelp = {
  name: 'virnucpro engines',
  about: 'Builds and inspects TensorRT plans.',
  usage: ['COMMAND [OPTIONS]'],
  commands: [
    ['build', 'build plans from a bundle, for the GPU of this machine'],
    ['show', 'print the plans in a folder and what is wrong with any'],
    ['tune', 'find the batch size that suits this GPU'],
  ],
  groups: [commonArgs],
  notes: ['Run "virnucpro engines COMMAND --help" for the options of a command.'],
}

/** Commands that are groups of commands. */
export const groups: Readonly<
  Record<string, { commands: Readonly<Record<string, unknown>>; help: CommandHelp }>
> = {
  models: { commands: modelsCommands, help: modelsHelp },
  checkpoints: { commands: checkpointsCommands, help: checkpointsHelp },
  utils: { commands: utilsCommands, help: utilsHelp },
  repository: { commands: repositoryCommands, help: repositoryHelp },
  engines: { commands: enginesCommands, help: enginesHelp },
}
