// Installs a private server in a process of its own. Usage: bun install.ts BASE_PYTHON [FOLDER OF PACKAGES]
import { findRuntime, installRuntime } from '../../../src/server/runtime/index.ts'

const [, , python, wheels] = process.argv
const gpus = [{ computeCapability: '9.0' }]
const found = await findRuntime({ server: 'private', python, wheels, gpus })
if ('none' in found) throw new Error(found.none.join('\n'))
const onProgress = (message: string) => console.error(message)
const runtime = 'found' in found ? found.found : await installRuntime(found.install, { onProgress })
console.log(JSON.stringify({ label: runtime.label, tensorrt: await runtime.tensorrt() }))
