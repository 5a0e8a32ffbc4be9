import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { availableMemory } from '../../../src/system/memory.ts'

/** Memory by these files of `/proc` and `/sys`. */
async function memoryWith(files: Record<string, string>): Promise<number> {
  await using folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    const path = folder.join(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return availableMemory(folder.path)
}

test('a limit of any group around this process counts, in either version of control groups', async () => {
  const sys = 'sys/fs/cgroup'
  const v2 = { 'proc/self/cgroup': '0::/slurm/job_7/step_0\n' }
  expect(await memoryWith({})).toBe(totalmem())
  expect(await memoryWith({ ...v2, [`${sys}/slurm/job_7/memory.max`]: 'max\n' })).toBe(totalmem())
  expect(
    await memoryWith({
      ...v2,
      [`${sys}/slurm/job_7/memory.max`]: '67108864\n',
      [`${sys}/slurm/memory.max`]: '134217728\n',
    }),
  ).toBe(64 << 20)
  const v1 = { 'proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/a\n' }
  expect(await memoryWith({ ...v1, [`${sys}/memory/a/memory.limit_in_bytes`]: '33554432\n' })).toBe(32 << 20)
  const none = '9223372036854771712\n'
  expect(await memoryWith({ ...v1, [`${sys}/memory/memory.limit_in_bytes`]: none })).toBe(totalmem())
})
