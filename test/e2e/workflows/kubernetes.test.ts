import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { YAML } from 'bun'
import { RETRY_CODES } from '../../../src/exit-codes.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { engineSucceeds, hasEngines, runEngine } from '../../support/workflows.ts'

setDefaultTimeout(120_000)

const MANIFESTS = ['triton.yaml', 'predict.yaml'].map((name) => join(repository, 'deploy/kubernetes', name))

// biome-ignore lint/suspicious/noExplicitAny: what YAML has, the checker below knows.
type Resource = any

function resource(kind: string): Resource {
  const all = MANIFESTS.flatMap((path) => YAML.parse(readFileSync(path, 'utf8')) as Resource[])
  return all.find((each) => each.kind === kind)
}

test.skipIf(!hasEngines)(
  'the manifests are valid, and the checker notices a field that does not exist',
  async () => {
    const check = ['kubernetes-validate', '--strict', '--quiet']
    await engineSucceeds([...check, ...MANIFESTS], repository)
    const broken = `${process.env.VIRNUCPRO_HOME}/broken.yaml`
    await Bun.write(
      broken,
      readFileSync(MANIFESTS[0] as string, 'utf8').replace('serviceName:', 'serviceNames:'),
    )
    expect((await runEngine([...check, broken], repository)).code).not.toBe(0)
  },
)

test('the run names every server of the set by the address that the service gives it', async () => {
  const [service, set, job] = [resource('Service'), resource('StatefulSet'), resource('Job')]
  expect(service.spec.clusterIP).toBe('None')
  expect(set.spec.serviceName).toBe(service.metadata.name)
  expect(set.spec.template.metadata.labels).toMatchObject(service.spec.selector)
  const [{ args }] = job.spec.template.spec.containers
  const servers = Array.from(
    { length: set.spec.replicas },
    (_, i) => `${set.metadata.name}-${i}.${service.metadata.name}:8001`,
  )
  expect(args).toContain(`--triton=${servers.join(',')}`)
  // The command line takes all of it, and stops at the input, which is in the cluster.
  const { code, stderr } = await virnucpro(args)
  expect(code).toBe(66)
  expect(stderr).not.toContain('unknown option')
})

test('a job fails at once after the exit codes that no retry can mend', () => {
  const [rule] = resource('Job').spec.podFailurePolicy.rules
  expect(rule.action).toBe('FailJob')
  for (const code of rule.onExitCodes.values) expect(RETRY_CODES).not.toContain(code)
})
