import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { type MetricsLine, type MetricsSample, readMetrics } from '../../../src/monitor/index.ts'
import { run, start } from '../../e2e/predict/resume-support.ts'
import { families } from './openmetrics.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

/** Keeps an instance for a given time and computes nothing; has memory for so many sequences. */
const MODEL = `import json, time
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.seconds = float(parameters["seconds"]["string_value"])
        self.most = int(parameters["most"]["string_value"])

    def execute(self, requests):
        answers = []
        for request in requests:
            rows = pb_utils.get_input_tensor_by_name(request, "lengths").as_numpy().shape[0]
            if rows > self.most:
                error = pb_utils.TritonError("CUDA error: out of memory")
                answers.append(pb_utils.InferenceResponse([], error))
                continue
            time.sleep(self.seconds)
            vectors = np.zeros((rows, 32), np.float32)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("embedding", vectors)]))
        return answers
`

/** What stands for both models of the demo bundle on a server, one instance of each. */
function sleepingRepository(name: string, seconds: number, most = 1_000_000): string {
  const path = folder.join(name)
  for (const model of ['esm2', 'dnabert_s']) {
    mkdirSync(join(path, model, '1'), { recursive: true })
    writeFileSync(join(path, model, '1/model.py'), MODEL)
    writeFileSync(
      join(path, model, 'config.pbtxt'),
      `name: "${model}"
backend: "python"
max_batch_size: 0
input [
  { name: "input_ids", data_type: TYPE_INT32, dims: [ -1, -1 ] },
  { name: "lengths", data_type: TYPE_INT32, dims: [ -1 ] }
]
output [ { name: "embedding", data_type: TYPE_FP32, dims: [ -1, 32 ] } ]
instance_group [ { kind: KIND_CPU, count: 1 } ]
parameters { key: "seconds" value: { string_value: "${seconds}" } }
parameters { key: "most" value: { string_value: "${most}" } }
`,
    )
  }
  return path
}

describe.skipIf(!hasTriton)('a run on real servers', () => {
  test('names the slowed one as imbalanced, then the stopped one as stalled', async () => {
    const input = folder.join('in.fa')
    await Bun.write(input, randomFasta(5, 3000))
    await using fast = await startTriton({ repository: sleepingRepository('fast', 0.04) })
    await using slow = await startTriton({ repository: sleepingRepository('slow', 0.16) })
    const { metrics: port } = await freePorts()
    const output = folder.join('out')
    const started = start([
      ...`predict ${input} -o ${output} --bundle demo -e 300 --token-budget 1000 --metrics-interval 1`.split(
        ' ',
      ),
      ...['--metrics-port', String(port), '--triton', `${fast.grpcUrl},${slow.grpcUrl}`],
      ...['--trust-server', '--triton-metrics', `${fast.metricsUrl},${slow.metricsUrl}`],
    ])
    const names = { fast: fast.grpcUrl.slice('grpc://'.length), slow: slow.grpcUrl.slice('grpc://'.length) }
    expect(await started.said(`imbalanced: esm2 at ${names.slow} is `)).toBe(true)

    const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
    expect(answer.headers.get('content-type')).toStartWith('application/openmetrics-text')
    const found = families(await answer.text())
    const busy = found.get('virnucpro_device_busy_ratio')?.samples ?? []
    expect(busy.map(({ labels }) => labels.device).sort()).toEqual(
      ['dnabert_s', 'esm2']
        .flatMap((model) => [`${model} at ${names.fast}`, `${model} at ${names.slow}`])
        .sort(),
    )
    expect((await fetch(`http://127.0.0.1:${port}/else`)).status).toBe(404)

    // The server alone, as when its machine hangs; its Python processes would end with it.
    process.kill(fast.pid, 'SIGSTOP')
    expect(await started.said(`stalled: the server at ${names.fast} has not answered`)).toBe(true)
    process.kill(fast.pid, 'SIGCONT')
    started.child.kill('SIGINT')
    const { code, messages } = await started.ended()
    expect(code).toBe(130)
    // The server that was stopped is slow in a sample that comes after it goes on.
    const [during = ''] = messages.split('SIGINT received')
    expect(during).not.toContain(`imbalanced: esm2 at ${names.fast}`)
    expect(
      during.split('\n').filter((line) => line.includes(`imbalanced: esm2 at ${names.slow}`)),
    ).toHaveLength(1)

    const lines = await readMetrics(join(output, 'in_report/metrics.jsonl'))
    const warned = lines.findIndex((line) => line.kind === 'warning' && line.code === 'imbalance')
    const busySamples = lines
      .slice(0, warned)
      .filter((line) => isSample(line) && line.models.esm2.waiting > 0)
    // The state before, and three samples of work.
    expect(busySamples.length).toBeLessThanOrEqual(4)
    const last = busySamples.at(-1) as MetricsSample
    const lane = (name: string) => last.devices.find((device) => device.name === `esm2 at ${name}`)
    expect(lane(names.slow)?.busy).toBeGreaterThan(0.8)
    expect(lane(names.fast)?.sequencesPerSecond).toBeGreaterThan(
      2 * (lane(names.slow)?.sequencesPerSecond ?? 1e9),
    )
    expect(lines.at(-1)).toMatchObject({ kind: 'end', outcome: 'stopped' })
  }, 90_000)

  test('notes use and memory of every GPU in the log, every ten seconds', async () => {
    const input = folder.join('long.fa')
    await Bun.write(input, randomFasta(7, 3000))
    const programs = folder.join('programs')
    mkdirSync(programs)
    // What stands for the driver's program on a machine with two GPUs.
    const list = ['0, GPU-a, 97, 61234, 143771, 61, 612.4, 0x0', '1, GPU-b, 3, 512, 143771, 40, 119.5, 0x0']
    const text = list.map((line) => `echo "${line}"\n`).join('')
    writeFileSync(join(programs, 'nvidia-smi'), `#!/bin/sh\n${text}`, { mode: 0o755 })
    await using server = await startTriton({ repository: sleepingRepository('noted', 0.3) })
    const log = folder.join('noted.log')
    const output = folder.join('noted-out')
    const started = start(
      [
        ...`predict ${input} -o ${output} --bundle demo -e 300 --token-budget 1000 --metrics-interval 1`.split(
          ' ',
        ),
        ...['--trust-server', '--triton', server.grpcUrl, '--log-file', log, '--quiet'],
      ],
      { shell: `export PATH="${programs}:$PATH"` },
    )
    const noted = async () =>
      (
        await Bun.file(log)
          .text()
          .catch(() => '')
      )
        .split('\n')
        .filter((line) => line.includes(' busy, '))
    while ((await noted()).length < 4) await Bun.sleep(100)
    started.child.kill('SIGINT')
    const { code, messages } = await started.ended()
    expect(code).toBe(130)
    expect(messages).not.toContain(' busy, ')
    const lines = (await noted()).map((line) => line.split(' - INFO - '))
    expect(lines.map(([, line]) => line).slice(0, 2)).toEqual([
      'gpu 0: 97 % busy, 59.8/140.4 GiB, 61 °C, 612 W',
      'gpu 1: 3 % busy, 0.5/140.4 GiB, 40 °C, 120 W',
    ])
    const [first, , second] = lines.map(([time = '']) => Date.parse(time) / 1000) as [number, number, number]
    expect(Math.abs(second - first - 10)).toBeLessThanOrEqual(2)
    const samples = (await readMetrics(join(output, 'long_report/metrics.jsonl'))).filter(isSample)
    expect(samples.length).toBeGreaterThan(7)
  }, 90_000)

  test('names the flag and the value to try when batches find no memory', async () => {
    const input = folder.join('few.fa')
    await Bun.write(input, randomFasta(6, 20))
    await using server = await startTriton({ repository: sleepingRepository('small', 0, 3) })
    const output = folder.join('small-out')
    const { code, messages } = await run([
      ...`predict ${input} -o ${output} --bundle demo -e 300 --token-budget 65536 --trust-server --triton ${server.grpcUrl}`.split(
        ' ',
      ),
    ])
    expect(code).toBe(0)
    const flag = (text: string) => /--esm-batch-size (\d+)/.exec(text)?.[1]
    expect(messages.split('\n').filter((line) => line.includes('out of memory') && flag(line))).toHaveLength(
      1,
    )
    const warnings = (await readMetrics(join(output, 'few_report/metrics.jsonl'))).flatMap((line) =>
      line.kind === 'warning' ? [line] : [],
    )
    expect(warnings.map(({ code, device }) => `${code} ${device}`).sort()).toEqual(
      ['dnabert_s', 'esm2'].map(
        (model) => `out-of-memory ${model} at ${server.grpcUrl.slice('grpc://'.length)}`,
      ),
    )
    const value = flag(warnings.map(({ message }) => message).join())
    expect(value).toBe(flag(messages))
    expect(Number(value)).toBeGreaterThan(0)
  }, 60_000)
})

function isSample(line: MetricsLine): line is MetricsSample {
  return line.kind === 'sample'
}
