import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { availableCores } from '../../../src/system/cores.ts'

/** Cores by these files of `/proc` and `/sys`. */
async function coresWith(files: Record<string, string>): Promise<number> {
  await using folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    const path = folder.join(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return availableCores(folder.path)
}

const all = availableParallelism()

test('a quota of any group around this process counts, in either version of control groups', async () => {
  const sys = 'sys/fs/cgroup'
  const v2 = { 'proc/self/cgroup': '0::/user.slice/job-7\n' }
  const v1 = { 'proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/docker/77\n0::/\n' }
  expect(await coresWith({})).toBe(all)
  expect(await coresWith({ ...v2, [`${sys}/user.slice/job-7/cpu.max`]: 'max 100000\n' })).toBe(all)
  expect(await coresWith({ ...v2, [`${sys}/user.slice/job-7/cpu.max`]: '50000 100000\n' })).toBe(1)
  expect(await coresWith({ ...v2, [`${sys}/user.slice/cpu.max`]: '100000 100000\n' })).toBe(1)
  // A container sees its own group as the root, and a path of the host's.
  expect(await coresWith({ ...v2, [`${sys}/cpu.max`]: '100000 100000\n' })).toBe(1)
  const one = { 'cpu.cfs_quota_us': '20000\n', 'cpu.cfs_period_us': '20000\n' }
  const none = { 'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_period_us': '100000\n' }
  const at = (folder: string, files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${sys}/${folder}/${name}`, text]))
  expect(await coresWith({ ...v1, ...at('cpu,cpuacct/docker/77', one) })).toBe(1)
  expect(await coresWith({ ...v1, ...at('cpu,cpuacct', one) })).toBe(1)
  expect(await coresWith({ ...v1, ...at('cpu/docker', one) })).toBe(1)
  expect(await coresWith({ ...v1, ...at('cpu,cpuacct/docker/77', none) })).toBe(all)
})
