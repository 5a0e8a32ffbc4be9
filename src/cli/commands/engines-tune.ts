import * as v from 'valibot'
import { MODEL_NAMES } from '../../bundle/index.ts'
import { ascending, flag, oneOf, option, section, text } from '../../settings/index.ts'
import { defined, requirePaths } from '../arguments.ts'
import { command, PLANS_FOLDER } from '../command.ts'
import { withSignals } from '../signals.ts'

/** One model, or all of them. */
export function modelOption(help: string) {
  const names = v.pipe(
    oneOf(['all', ...MODEL_NAMES]),
    v.transform((name) => (name === 'all' ? MODEL_NAMES : [name])),
  )
  return option([...MODEL_NAMES, 'all'].join('|'), names, help, { default: 'all' })
}

export default command({
  name: 'engines tune',
  about: 'Finds the batch size that suits this GPU and keeps it beside the plans.',
  usage: ['DIR [OPTIONS]'],
  notes: ['Build the model repository again afterwards: predict reads from it what was found.'],
  words: PLANS_FOLDER,
  options: section('Batch sizes', {
    model: modelOption('whose plan to time'),
    budgets: option(
      'N,N,…',
      ascending(1, 2 ** 24 - 1, 'tokens of batches, ascending, such as 8192,16384,32768'),
      'padded tokens of a batch to compare, ascending',
      { otherwise: '4096,8192,16384,32768,65536' },
    ),
    python: option('PATH', text, 'Python that has TensorRT and numpy', { otherwise: '`python3`' }),
    force: flag('time plans that were timed already', { short: 'f' }),
  }),
  async run({ args: { model: models, budgets, python, force }, word: plans, logger }) {
    await requirePaths([['folder', plans]])
    const { tuneEngines } = await import('../../server/engines/index.ts')
    const entries = await withSignals(logger, (signal) =>
      tuneEngines({
        plans,
        models,
        force,
        ...defined({ budgets, python }),
        onProgress: (message, detail) => logger.info(message, detail),
        signal,
      }),
    )
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
