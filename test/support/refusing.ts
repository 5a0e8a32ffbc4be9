import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildRepository } from '../../src/server/repository/index.ts'

/**
 * A repository of the demonstration's models, of which DNABERT-S refuses batches in which one of its last tokens occurs: a
 * model that is at fault on one server and not in another place.
 */
export async function refusingRepository(path: string): Promise<string> {
  await buildRepository({ bundle: 'demo', backend: 'python', output: path, threads: 1 })
  const folder = join(path, 'dnabert_s')
  const version = readdirSync(folder).find((name) => /^\d+$/.test(name)) ?? ''
  const file = join(folder, version, 'model.py')
  const text = readFileSync(file, 'utf8')
  const start = 'def respond(self, request):\n'
  if (!text.includes(start)) throw new Error(`${file} has no respond method of one argument`)
  const refusal = `        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        if (ids >= 250).any():
            return failed("these tokens are refused", pb_utils.TritonError.INVALID_ARG)
`
  writeFileSync(file, text.replace(start, start + refusal))
  return path
}
