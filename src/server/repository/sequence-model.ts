import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelDigest, servedVersion } from '../../bundle/index.ts'
import { shapesOf } from './limits.ts'
import { place } from './place.ts'
import type { ModelRequest } from './request.ts'
import { renderTemplate, templatePath } from './template.ts'

const BUDGET = { plans: 16_384, graphs: 4096 } as const
/** Enough for eight GPUs with three batches each; more than there are instances only wait in the server's queue. */
const GPU_IN_FLIGHT = 24

/** Writes `esm2_sequence` or `dnabert_s_sequence`, which take sequences, and returns its name. */
export async function writeSequenceModel(request: ModelRequest): Promise<string> {
  const { model, bundle, backend } = request
  const { dimension, padId, tokenizer } = bundle.manifest.models[model]
  const name = `${model}_sequence`
  const hasPlans = request.plans.length > 0
  // Its own version says whose embeddings it gives, too.
  const version = servedVersion(modelDigest(bundle.manifest, model))
  const files = join(request.folder, name, version)
  await mkdir(files, { recursive: true })

  const path = join(request.folder, name, 'config.pbtxt')
  const text = await renderTemplate(templatePath(name, 'config.pbtxt'), {
    dimension,
    padId,
    version,
    tokenBudget: request.tokenBudget ?? request.tuned ?? BUDGET[hasPlans ? 'plans' : 'graphs'],
    shapes: shapesOf(request),
    inFlight: backend === 'python' && !hasPlans ? 2 * (request.instances ?? 1) : GPU_IN_FLIGHT,
  })
  await writeFile(path, text)
  const code = {
    'sequence.py': 'model.py',
    'batching.py': 'batching.py',
    'token_ids.py': 'token_ids.py',
  }
  for (const [from, to] of Object.entries(code)) {
    await place(templatePath('python', from), join(files, to), 'copy')
  }
  if (tokenizer !== undefined) {
    await request.files.add(bundle.pathOf(tokenizer), join(files, 'tokenizer.json'), tokenizer)
  }
  return name
}
