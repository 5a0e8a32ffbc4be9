import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from './quote.ts'

/** Rows and tokens of a row. */
export type BatchShape = readonly [rows: number, tokens: number]

/**
 * Entries of `model_warmup`, one for each shape. The tensors come from files: all zeros would be rows without a token, and
 * random numbers no ids.
 */
export function warmupEntries(shapes: readonly BatchShape[]): string {
  return shapes
    .map(([rows, tokens]) => {
      const name = shapeName([rows, tokens])
      const tensor = (input: string, dims: string) =>
        `    inputs { key: ${quote(input)} value: { data_type: TYPE_INT32 dims: [ ${dims} ] input_data_file: ${quote(`${name}_${input}`)} } }`
      return [
        '  {',
        `    name: ${quote(name)}`,
        '    batch_size: 1',
        tensor('input_ids', `${rows}, ${tokens}`),
        tensor('lengths', `${rows}`),
        '  }',
      ].join('\n')
    })
    .join(',\n')
}

/** Writes the files that the entries name, little-endian INT32, into the folder where the server looks for them. */
export async function writeWarmup(folder: string, shapes: readonly BatchShape[], id: number): Promise<void> {
  for (const shape of shapes) {
    const [rows, tokens] = shape
    await writeFile(join(folder, `${shapeName(shape)}_input_ids`), new Int32Array(rows * tokens).fill(id))
    await writeFile(join(folder, `${shapeName(shape)}_lengths`), new Int32Array(rows).fill(tokens))
  }
}

function shapeName([rows, tokens]: BatchShape): string {
  return `${rows}x${tokens}`
}
