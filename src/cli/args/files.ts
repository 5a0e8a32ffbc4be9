import type { ArgGroup } from '../parse/arg.ts'

export const fileArgs: ArgGroup = {
  title: 'Input and output',
  args: [
    {
      name: 'input',
      long: ['input'],
      hint: 'FILE',
      many: true,
      help: 'input file, in addition to those named without an option; repeat for several; - is standard input',
    },
    {
      name: 'outputDir',
      long: ['output-dir'],
      short: 'o',
      hint: 'DIR',
      help: 'folder of the results [default: INPUT_predictions; beside the input for FILE LENGTH MODEL]',
    },
    {
      name: 'prefix',
      long: ['prefix'],
      hint: 'STEM',
      help: 'stem of the names of the results [default: from the first input]',
    },
    {
      name: 'layout',
      long: ['layout'],
      hint: 'vanilla|broad',
      help: "folders and names of the files: the original's or those of Broad's fork [default: vanilla]",
    },
    {
      name: 'sequencesPerFile',
      long: ['sequences-per-file'],
      hint: 'N',
      help: 'reading frames in one part file [default: 10000]',
    },
    {
      name: 'keepIntermediate',
      long: ['keep-intermediate'],
      short: 'k',
      negatable: true,
      help: 'keep the part files and the .pt intermediates',
    },
    {
      name: 'onInvalid',
      long: ['on-invalid'],
      hint: 'auto|skip|fail',
      help: 'what to do with records that cannot be read [default: auto]',
    },
    {
      name: 'duplicateIds',
      long: ['duplicate-ids'],
      hint: 'fail|suffix|skip',
      help: 'what to do with an id that was seen before; suffix gives _2, _3 and so on [default: fail; skip with --on-invalid skip]',
    },
    {
      name: 'allowEmpty',
      long: ['allow-empty'],
      negatable: true,
      help: 'take a pipe that gives nothing for a sample without reads, as an empty file is, not for an error',
    },
    {
      name: 'report',
      long: ['report'],
      negatable: true,
      shownNegated: true,
      help: 'do not write the report of the run',
    },
  ],
}

export const resumeArgs: ArgGroup = {
  title: 'Starting again',
  args: [
    {
      name: 'resume',
      long: ['resume'],
      negatable: true,
      help: 'continue an interrupted run in the same output folder',
    },
    {
      name: 'force',
      long: ['force'],
      short: 'f',
      negatable: true,
      help: 'write into an output folder that exists already',
    },
    {
      name: 'forceResume',
      long: ['force-resume'],
      turnsOn: ['resume', 'force'],
      help: 'the same as --resume --force',
    },
  ],
}
