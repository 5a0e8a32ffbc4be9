import * as v from 'valibot'
import { HOSTED_NAMES, type HostedName } from '../../bundle/index.ts'
import { ascending, flag, oneOf, option, section, text } from '../../settings/index.ts'
import { defined } from '../arguments.ts'
import { command, PLANS_FOLDER } from '../command.ts'

/** One model, or all of them. */
export function modelOption(help: string) {
  const { hint, schema } = oneOf(...(['all', ...HOSTED_NAMES] as const))
  const names = v.pipe(
    schema,
    v.transform((name): readonly HostedName[] => (name === 'all' ? HOSTED_NAMES : [name])),
  )
  return option({ hint, schema: names }, help, { default: 'all' })
}

/** The named model; undefined for all that there are. */
export function namedModels(models: readonly HostedName[]): { models?: readonly HostedName[] } {
  return models.length === HOSTED_NAMES.length ? {} : { models }
}

export default command({
  usage: ['DIR [OPTIONS]'],
  examples: [
    ['Time both models and keep the best batch sizes:', 'engines tune plans'],
    ['Compare other sizes for one of them:', 'engines tune plans --model esm2 --budgets 8192,16384'],
  ],
  notes: ['Build the model repository again afterwards: predict reads from it what was found.'],
  words: PLANS_FOLDER,
  exits: '`66` no bundle or plans; `69` no GPU or no TensorRT; `73`, `74` the plans cannot be written',
  options: section('Batch sizes', {
    model: modelOption('whose plan to time'),
    budgets: option(
      ascending('N,N,…', 1, 2 ** 24 - 1, 'tokens of batches, ascending, such as 8192,16384,32768'),
      'padded tokens of a batch to compare, ascending',
      { otherwise: '4096,8192,16384,32768,65536, each as the nearest whole waves of the GPU' },
    ),
    python: option(text('PATH'), 'Python that has TensorRT and numpy', { otherwise: '`python3`' }),
    force: flag('time plans that were timed already', { short: 'f' }),
  }),
  async run({ args: { model: models, budgets, python, force }, word: plans, logger, signal }) {
    const { tuneEngines } = await import('../../server/engines/index.ts')
    const entries = await tuneEngines({
      plans,
      ...namedModels(models),
      force,
      ...defined({ budgets, python }),
      onProgress: (message, detail) => logger.info(message, detail),
      signal,
    })
    for (const { model, gpu, tokenBudget, ranges } of entries) {
      process.stdout.write(`${model} on ${gpu}: ${tokenBudget} tokens in a batch\n`)
      for (const range of ranges) {
        process.stdout.write(
          `  ${range.from} to ${range.to} tokens: ${range.tokenBudget} would do, ${range.tokensPerSecond} tokens/s\n`,
        )
      }
    }
    logger.info(`kept in ${plans}; now: virnucpro repository build --plans ${plans} --force …`)
  },
})
