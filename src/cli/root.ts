import { defineCommand } from 'citty'
import { commonArgs } from './args/logging.ts'
import type { CommandHelp } from './help.ts'

/** The commands and how to load each; nothing of a command is loaded before it is called. */
export const subCommands = {
  predict: () => import('./commands/predict.ts').then((module) => module.default),
  models: () => import('./commands/models.ts').then((module) => module.default),
  config: () => import('./commands/config.ts').then((module) => module.default),
}

/** Commands below `models`; here, so that a command line can be routed without loading anything. */
export const modelsCommands = {
  import: () => import('./commands/models-import.ts').then((module) => module.default),
  show: () => import('./commands/models-show.ts').then((module) => module.default),
  verify: () => import('./commands/models-verify.ts').then((module) => module.default),
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
