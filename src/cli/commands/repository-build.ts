import type { RepositoryBackend } from '../../server/repository/index.ts'
import { UsageError } from '../../system/errors.ts'
import { commonArgs } from '../args/logging.ts'
import { repositoryArgs } from '../args/repository.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'

const help: CommandHelp = {
  name: 'virnucpro repository build',
  about: 'Makes a model repository for Triton Inference Server from a bundle.',
  usage: ['--bundle BUNDLE --backend BACKEND --output DIR [OPTIONS]'],
  groups: [repositoryArgs, commonArgs],
}

export default strictCommand(help, async (line) => {
  const [extra] = line.positionals
  if (extra !== undefined)
    throw new UsageError(`unexpected argument ${extra}: every file is named by an option`)
  const backend = backendOf(line)
  const output = line.text('output')
  if (output === undefined) throw new UsageError('--output is missing')
  const plans = line.text('plans')
  if (plans !== undefined && backend === 'onnxruntime')
    throw new UsageError('--plans is for --backend tensorrt, and for python in place of the graphs')
  const instances = wholeNumber(line, 'instances', '--instances')
  const threads = wholeNumber(line, 'instanceThreads', '--threads')
  if (threads !== undefined && (backend === 'tensorrt' || plans !== undefined))
    throw new UsageError('--threads is for models on the CPU: --backend onnxruntime or python')
  const { logger, configuration } = await startSession(line)
  const { bundle } = configuration.effective.values
  if (bundle === undefined) throw new UsageError('--bundle is missing')
  return async () => {
    const { buildRepository } = await import('../../server/repository/index.ts')
    const built = await buildRepository({
      bundle,
      backend,
      output,
      ...(instances === undefined ? {} : { instances }),
      ...(threads === undefined ? {} : { threads }),
      ...(plans === undefined ? {} : { plans }),
      placement: line.isOn('copy') ? 'copy' : 'link',
      force: line.isOn('replace'),
    })
    logger.info(`wrote ${output} with ${built.models.join(', ')}`)
    logger.info(`serve it with: virnucpro serve --repository ${output}`)
  }
})

const BACKENDS: readonly RepositoryBackend[] = ['tensorrt', 'onnxruntime', 'python']

function backendOf(line: CommandLine): RepositoryBackend {
  const value = line.text('repositoryBackend')
  const expected = `expected ${BACKENDS.join(', ').replace(/, (\w+)$/, ' or $1')}`
  if (value === undefined) throw new UsageError(`--backend is missing: ${expected}`)
  const found = BACKENDS.find((backend) => backend === value)
  if (found === undefined) throw new UsageError(`--backend: ${expected}, got ${JSON.stringify(value)}`)
  return found
}

function wholeNumber(line: CommandLine, name: string, flag: string): number | undefined {
  const text = line.text(name)
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new UsageError(`${flag}: expected a whole number from 1 to 9999, got ${JSON.stringify(text)}`)
}
