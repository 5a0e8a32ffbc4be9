import { flag, oneOf, option, section, settings, text, wholeNumber } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { defined, requireBundle } from '../arguments.ts'
import { command } from '../command.ts'

export default command({
  usage: ['[--bundle BUNDLE] --backend tensorrt|onnxruntime|python --output DIR [OPTIONS]'],
  examples: [
    ['Serve a bundle on CPUs:', 'repository build --backend onnxruntime --output repository'],
    [
      'Serve it with its plans on GPUs:',
      'repository build --bundle models-bf16 --backend python --plans plans --output repository',
    ],
  ],
  exits: '`65`, `66` the bundle or the plans; `73`, `74` the repository cannot be made or written',
  options: section('Model repository', {
    bundle: settings.bundle,
    backend: option(
      oneOf('tensorrt', 'onnxruntime', 'python'),
      'backend of the server that runs the models',
      { required: true },
    ),
    output: option(text('DIR'), 'folder to make', { short: 'o', required: true }),
    instances: option(wholeNumber('N', 1, 9999), 'instances of each model, on each GPU or on the CPU', {
      default: 1,
    }),
    threads: option(
      wholeNumber('N', 1, 9999),
      'threads of one instance on the CPU; not with plans. In the Python backend never more than the cores of the server',
      { otherwise: 'the server divides its cores' },
    ),
    plans: option(
      text('DIR'),
      'TensorRT plans made by `virnucpro engines build`: needed by `tensorrt`, and run by `python` in place of the graphs',
    ),
    copy: flag(
      'copy the weights; without it they are hard links where the file system allows that: to change such a file is to change the bundle',
    ),
    force: flag('replace a repository that exists already; any other file in the folder is refused', {
      short: 'f',
    }),
  }),
  check({ args: { backend, plans, threads } }) {
    if (plans !== undefined && backend === 'onnxruntime')
      throw new UsageError('--plans is for --backend tensorrt, and for python in place of the graphs')
    if (threads !== undefined && (backend === 'tensorrt' || plans !== undefined))
      throw new UsageError('--threads is for models on the CPU: --backend onnxruntime or python')
  },
  async run({ args, logger }) {
    const bundle = await requireBundle(args.bundle)
    const { backend, output, instances, threads, plans, copy, force } = args
    const { buildRepository } = await import('../../server/repository/index.ts')
    const { models } = await buildRepository({
      bundle,
      backend,
      output,
      instances,
      ...defined({ threads, plans }),
      placement: copy ? 'copy' : 'link',
      force,
    })
    logger.info(`wrote ${output} with ${models.join(', ')}`)
    logger.info(`serve it with: virnucpro serve --repository ${output}`)
  },
})
