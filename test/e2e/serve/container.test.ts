import { expect, test } from 'bun:test'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { DEFAULT_IMAGE_TAG, IMAGE_NAME } from '../../../src/server/serve/index.ts'
import { standInGpus } from '../../support/gpu/standins.ts'
import { repository as root, virnucpro } from '../cli/support.ts'
import { demoRepository, descendants, serve } from './support.ts'

const composeFile = join(root, 'triton', 'compose.yaml')

test('--dry-run prints the command for the container, ready for a shell', async () => {
  const folder = '/data/it is here'
  const args = ['--grpc-port', '9001', '--image-tag', '26.07-py3', '--dry-run']
  const { code, out } = await virnucpro(['serve', '--container', '--repository', folder, ...args])
  expect(out).toBe(
    [
      `VIRNUCPRO_REPOSITORY='/data/it is here' VIRNUCPRO_ADDRESS=127.0.0.1`,
      'VIRNUCPRO_HTTP_PORT=8000 VIRNUCPRO_GRPC_PORT=9001 VIRNUCPRO_METRICS_PORT=8002 VIRNUCPRO_DRAIN_TIMEOUT=45s',
      `VIRNUCPRO_SERVER_ARGS='--disable-auto-complete-config --exit-on-error=false --exit-timeout-secs=30'`,
      'VIRNUCPRO_TRITON_TAG=26.07-py3',
      `docker compose --project-name virnucpro-9001 --file ${composeFile}`,
      'up --no-color --no-log-prefix --abort-on-container-exit\n',
    ].join(' '),
  )
  expect(code).toBe(0)
})

test('--dry-run --per-gpu gives each container its own GPU and ports', async () => {
  const args = ['serve', '--container', '--repository', '/data', '--per-gpu', '--dry-run']
  const { out } = await virnucpro(args, { env: { CUDA_VISIBLE_DEVICES: 'GPU-a,GPU-b' } })
  const [first = '', second = ''] = out.trim().split('\n')
  expect(first).toContain('VIRNUCPRO_GRPC_PORT=8001 ')
  expect(first).toContain('CUDA_VISIBLE_DEVICES=GPU-a ')
  expect(second).toContain('VIRNUCPRO_GRPC_PORT=8004 ')
  expect(second).toContain('CUDA_VISIBLE_DEVICES=GPU-b ')
  expect(second).toContain('--project-name virnucpro-8004 ')
})

test('--per-gpu names GPUs by UUID, and says why there is none', async () => {
  const args = ['serve', '--container', '--repository', '/data', '--per-gpu', '--dry-run']
  await using two = await standInGpus({ gpus: ['t4', 'h200', 't4'] })
  const env = { ...two.env, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }
  const { out } = await virnucpro(args, { env: { ...env, CUDA_VISIBLE_DEVICES: '1,0' } })
  const named = [...out.matchAll(/CUDA_VISIBLE_DEVICES=(\S+)/g)].map(([, value]) => value)
  expect(named).toEqual([two.uuids[1], two.uuids[0]])
  const hidden = await virnucpro(args, { env: { ...env, CUDA_VISIBLE_DEVICES: '3' } })
  expect(hidden).toMatchObject({ code: 69 })
  expect(hidden.err).toContain('CUDA_VISIBLE_DEVICES=3 leaves none of 3 GPUs')
  await using broken = await standInGpus({ gpus: ['t4'], driver: null })
  const silent = await virnucpro(args, { env: broken.env })
  expect(silent.err).toContain(
    'the driver of the GPUs does not answer (nvidia-smi says: NVIDIA-SMI has failed',
  )
})

test('the compose file knows every variable, listens on this machine only and reserves GPUs', async () => {
  const text = readFileSync(composeFile, 'utf8')
  const { out } = await virnucpro([
    ...['serve', '--container', '--repository', '/data', '--image-tag', 'x', '--dry-run'],
  ])
  for (const [, name] of out.matchAll(/\b(VIRNUCPRO_\w+)=/g)) expect(text).toContain(`\${${name}:`)
  const { triton } = parse(text).services
  expect(triton.image).toBe(
    `\${VIRNUCPRO_TRITON_IMAGE:-${IMAGE_NAME}:\${VIRNUCPRO_TRITON_TAG:-${DEFAULT_IMAGE_TAG}}}`,
  )
  expect(triton.ports).toHaveLength(3)
  for (const port of triton.ports) expect(port).toStartWith(`\${VIRNUCPRO_ADDRESS:-127.0.0.1}:`)
  expect(triton.deploy.resources.reservations.devices[0].capabilities).toEqual(['gpu'])
  expect(triton.healthcheck.test.join(' ')).toContain('/v2/health/ready')
})

test.each([
  [
    'podman',
    '--image-tag 25.03-py3',
    'CUDA_VISIBLE_DEVICES=GPU-a podman run --rm --init --name virnucpro-9001 --stop-timeout 45 --device nvidia.com/gpu=all ' +
      '--security-opt label=disable --shm-size 2g --ulimit memlock=-1:-1 --ulimit stack=67108864:67108864 ' +
      '--mount type=bind,source=/data/models,target=/models,readonly --publish 127.0.0.1:8000:8000 ' +
      '--publish 127.0.0.1:9001:8001 --publish 127.0.0.1:8002:8002 --env CUDA_VISIBLE_DEVICES ' +
      'nvcr.io/nvidia/tritonserver:25.03-py3 tritonserver --model-repository=/models ' +
      '--disable-auto-complete-config --exit-on-error=false --exit-timeout-secs=30',
  ],
  [
    'apptainer',
    '--image triton.sif',
    'CUDA_VISIBLE_DEVICES=GPU-a apptainer exec --nv --cleanenv --no-home --bind /data/models:/models:ro ' +
      '--env CUDA_VISIBLE_DEVICES=GPU-a triton.sif tritonserver --model-repository=/models ' +
      '--http-address=127.0.0.1 --grpc-address=127.0.0.1 --metrics-address=127.0.0.1 --http-port=8000 --grpc-port=9001 ' +
      '--metrics-port=8002 --backend-config=python,shm-region-prefix-name=PREFIX ' +
      '--disable-auto-complete-config --exit-on-error=false --exit-timeout-secs=30',
  ],
])('--container-engine %s: --dry-run prints its command', async (engine, image, expected) => {
  const words = ['--repository', '/data/models', '--grpc-port', '9001', '--per-gpu', '--dry-run']
  const { out } = await virnucpro(
    ['serve', '--container', '--container-engine', engine, ...image.split(' '), ...words],
    { env: { CUDA_VISIBLE_DEVICES: 'GPU-a' } },
  )
  expect(out.trim().replace(/(prefix-name=)\S+/, '$1PREFIX')).toBe(expected)
})

test('an image that is named alone is fetched by Apptainer from where Docker has it', async () => {
  const words = ['--container', '--container-engine', 'apptainer', '--repository', '/data', '--dry-run']
  const { out } = await virnucpro(['serve', ...words])
  expect(out).toContain(` docker://${IMAGE_NAME}:${DEFAULT_IMAGE_TAG} tritonserver `)
  const named = await virnucpro(['serve', ...words, '--image', 'oras://host/triton:1'])
  expect(named.out).toContain(' oras://host/triton:1 tritonserver ')
})

test('a missing or silent Docker is said clearly', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const args = ['serve', '--container', '--repository', repository]
  const missing = await virnucpro(args, { env: { PATH: folder.path } })
  expect(missing.err).toContain('a container needs Docker, and there is no docker on PATH')
  expect(missing.code).toBe(69)
  if (Bun.which('docker') === null) return
  const silent = await virnucpro(args, { env: { DOCKER_HOST: `unix://${folder.join('no-daemon')}` } })
  expect(silent.err).toMatch(/Docker does not answer|needs the compose plugin of Docker/)
  expect(silent.code).toBe(69)
})

test('a container whose client ends is taken away and started again, with the same ports', async () => {
  await using folder = temporaryFolder()
  const log = folder.join('log')
  // Docker's part: a program that stays until it is ended, and whose ports answer.
  const answer =
    "Bun.serve({ hostname: '127.0.0.1', port: process.env.VIRNUCPRO_HTTP_PORT, fetch: () => new Response('') }); console.log('Started HTTPService at 0.0.0.0:8000')"
  writeFileSync(
    folder.join('docker'),
    `#!/bin/sh
case "$*" in
  *' up '*) echo "up $VIRNUCPRO_GRPC_PORT" >> '${log}'; exec '${process.execPath}' -e "${answer}" ;;
  *' down') echo "down $VIRNUCPRO_GRPC_PORT" >> '${log}' ;;
esac
`,
  )
  chmodSync(folder.join('docker'), 0o755)
  const env = { PATH: `${folder.path}:${process.env.PATH}` }
  const running = await serve(await demoRepository(folder.join('repository')), ['--container'], env)
  await running.ready()
  const { child, printed, ports } = running
  const client = () =>
    descendants(child.pid).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('Bun.serve'))
  process.kill(client() ?? -1, 'SIGKILL')
  while (!printed.err.includes('is ready again') && child.exitCode === null) await Bun.sleep(20)
  expect(client()).toBeDefined()
  child.kill('SIGTERM')
  expect((await running.ended()).code).toBe(143)
  const { grpc } = ports
  expect(readFileSync(log, 'utf8')).toBe(`up ${grpc}\ndown ${grpc}\nup ${grpc}\ndown ${grpc}\n`)
})

test('options that are for a server program only do not go with a container', async () => {
  const both = await virnucpro(['serve', '--repository', '.', '--container', '--server-bin', 'x'])
  expect(both.err).toContain('--server-bin and --container contradict each other')
  expect(both.code).toBe(64)
})
