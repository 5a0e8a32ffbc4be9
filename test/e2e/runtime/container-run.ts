// Finds a container, fetches its image where it is missing, builds plans in it and serves them.
// Usage: bun container-run.ts ENGINE BUNDLE FOLDER PORTS
import { buildEngines } from '../../../src/server/engines/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { findRuntime, installRuntime, openRuntime } from '../../../src/server/runtime/index.ts'
import { type ContainerEngine, startServer } from '../../../src/server/serve/index.ts'

const [engine = '', bundle = '', folder = '', ports = ''] = process.argv.slice(2)
const gpus = [{ computeCapability: '9.0', driver: '570.86.15' }]
const found = await findRuntime({ server: 'container', engine: engine as ContainerEngine, gpus })
if ('none' in found) throw new Error(found.none.join('\n'))
const onProgress = (message: string) => console.error(message)
const first = 'found' in found ? found.found : await installRuntime(found.install, { onProgress })
const runtime = await openRuntime(first.choice)
const { repositoryBackend: backend, builder, launch } = runtime
const [plans, repository] = [`${folder}/plans`, `${folder}/repository`]
const built = await buildEngines({
  bundle,
  output: plans,
  ...builder,
  environment: { CUDA_VISIBLE_DEVICES: '0' },
})
await buildRepository({ bundle, backend, plans, output: repository })
await using server = await startServer({ ...launch, repository, ports: JSON.parse(ports) })
console.log(
  JSON.stringify({
    choice: runtime.choice,
    tensorrt: await runtime.tensorrt(),
    built: built.map(({ sidecar }) => sidecar.tensorrt),
    servers: server.endpoints.length,
  }),
)
