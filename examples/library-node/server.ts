/** Which models a Triton server has ready. Usage: node server.ts HOST:PORT */
import { TritonClient, TritonError } from 'tritonclient-ts'

const client = new TritonClient({ url: `grpc://${process.argv[2] ?? '127.0.0.1:8001'}`, retry: false })
try {
  for (const { name, version, state } of await client.repositoryIndex()) console.log(name, version, state)
} catch (error) {
  if (!(error instanceof TritonError)) throw error
  console.error(error.code)
  process.exitCode = 1
} finally {
  client.close()
}
