import { MODEL_NAMES, type ModelName } from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import { tuneArgs } from '../args/engines.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import { requirePaths } from '../files.ts'
import type { CommandHelp } from '../help.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro engines tune',
  about: 'Finds the batch size that suits this GPU and keeps it beside the plans.',
  usage: ['DIR [OPTIONS]'],
  groups: [tuneArgs, commonArgs],
  notes: ['Make the model repository anew afterwards: it tells predict what was found.'],
}

export default strictCommand(help, async (line) => {
  const [plans, extra] = line.positionals
  if (plans === undefined) throw new UsageError('no folder given: expected that of --output of engines build')
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}: expected one folder`)
  await requirePaths([['folder', plans]])
  const models = modelsOf(line.text('model'))
  const budgets = line.text('budgets')
  const python = line.text('python')
  const force = line.isOn('retune')
  const { logger } = await startSession(line)
  return async () => {
    const { budgetsOf, tuneEngines } = await import('../../server/engines/index.ts')
    const entries = await withSignals(logger, (signal) =>
      tuneEngines({
        plans,
        models,
        force,
        ...(budgets === undefined ? {} : { budgets: budgetsOf(budgets) }),
        ...(python === undefined ? {} : { python }),
        onProgress: (message) => logger.info(message),
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
  }
})

function modelsOf(model = 'all'): readonly ModelName[] {
  if (model === 'all') return MODEL_NAMES
  const found = MODEL_NAMES.find((name) => name === model)
  if (found !== undefined) return [found]
  throw new UsageError(
    `--model: expected one of ${['all', ...MODEL_NAMES].join(', ')}, got ${JSON.stringify(model)}`,
  )
}
