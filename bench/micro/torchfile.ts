// Writing the original's .pt files into memory, beside torch.save of the same objects.
//   bun bench/micro/torchfile.ts [--quick] [--json FILE]
import { encodeDnabertFile, encodeEsmFile, encodeMergedFile } from '../../src/torchfile/index.ts'
import { benchOptions } from '../result.ts'
import { runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/torchfile.ts')
const rows = options.quick ? 20 : 1000
const kinds = [
  ['dnabert', 'output_1_DNABERT_S.pt: lists of floats', 768, encodeDnabertFile],
  ['esm', 'output_1_ESM.pt: a tensor for each row', 2560, encodeEsmFile],
  ['merged', 'output_1_merged.pt: one tensor', 3328, encodeMergedFile],
] as const

await runCases(
  'micro/torchfile',
  options,
  { rows },
  kinds.map(([kind, name, dim, encode]) => {
    const ids = Array.from({ length: rows }, (_, row) => `read_${row}F1`)
    const table = { ids, rows: Float32Array.from({ length: rows * dim }, (_, at) => at / 7), dim }
    return {
      name,
      amount: (4 * rows * dim) / 1e6,
      unit: 'MB/s',
      ours: async () => {
        const file = await encode(table, { archiveName: 'output_1' })
        if (file.length < rows * dim * 4) throw new Error(`${kind}: a file of ${file.length} bytes`)
        return rows
      },
      other: { name: 'torch.save', question: { task: 'torch_save', kind, rows, width: dim } },
    }
  }),
)
