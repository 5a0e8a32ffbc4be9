import type { Arg, ArgGroup } from '../parse/arg.ts'
import { computeArgs } from './compute.ts'

const SHARED = [
  'backend',
  'triton',
  'serverTimeout',
  'trustServer',
  'tritonCa',
  'tritonCert',
  'tritonKey',
  'tritonHeader',
]

const shared: Arg[] = computeArgs.args.filter(({ name }) => SHARED.includes(name))

export const verifyArgs: ArgGroup = {
  title: 'What to check',
  args: [
    { name: 'bundle', long: ['bundle'], hint: 'BUNDLE', help: 'models in fp32, or demo' },
    ...shared,
    {
      name: 'golden',
      long: ['golden'],
      hint: 'FILE.pt',
      help: "compare with the original's output_N_ESM.pt or output_N_DNABERT_S.pt",
    },
    {
      name: 'fasta',
      long: ['fasta'],
      hint: 'FILE',
      help: 'sequences of --golden [default: output_N.fa beside it]',
    },
    {
      name: 'tolerance',
      long: ['tolerance'],
      hint: 'X',
      help: 'most that the cosine of any row may lack to 1 [default: 0.0005]',
    },
    { name: 'sequences', long: ['sequences'], hint: 'N', help: 'built-in sequences per model [default: 32]' },
    { name: 'verifySeed', long: ['seed'], hint: 'N', help: 'seed of the built-in sequences [default: 1]' },
  ],
}
