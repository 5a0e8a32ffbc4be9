import { resolve } from 'node:path'
import { python } from '../../../support/python.ts'

/** Embeddings of token ids by ONNX's own evaluator, which knows BF16, and is told the definition of our attention operator. */
export async function evaluate(graph: string, rows: readonly (readonly number[])[]): Promise<number[][]> {
  const child = Bun.spawn([python, resolve(import.meta.dir, 'fused_attention.py'), graph], {
    stdin: Buffer.from(JSON.stringify(rows)),
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(err)
  return JSON.parse(out)
}
