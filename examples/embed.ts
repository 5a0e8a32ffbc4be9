/** Embeds proteins with a running server, over gRPC. Usage: bun examples/embed.ts [grpc://HOST:PORT] PROTEIN... */
import { TritonClient } from 'virnucpro/tritonclient'

const words = process.argv.slice(2)
const url = words[0]?.startsWith('grpc') ? words.shift() : undefined
using client = new TritonClient(url ?? 'grpc://127.0.0.1:8001')
const sequences = { name: 'sequences', datatype: 'BYTES', shape: [words.length], data: words } as const
const answer = await client.infer({ model: 'esm2_sequence', inputs: [sequences] })
const { data, shape } = answer.output('embedding', 'FP32')
const width = shape[1] ?? 0
for (const row of words.keys()) console.log(data.subarray(row * width, (row + 1) * width).join(' '))
