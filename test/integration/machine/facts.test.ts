import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freeBytes, machineFacts, volumeOf } from '../../../src/machine/index.ts'

test('this machine, with the tools of its PATH', async () => {
  await using folder = temporaryFolder()
  const programs = folder.join('programs')
  mkdirSync(programs)
  for (const name of ['podman', 'apptainer'])
    writeFileSync(`${programs}/${name}`, '#!/bin/sh\n', { mode: 0o755 })
  const ask = `const { machineFacts } = await import(${JSON.stringify(resolve(import.meta.dir, '../../../src/machine/index.ts'))})
    console.log(JSON.stringify(await machineFacts()))`
  const child = Bun.spawn([process.execPath, '-e', ask], {
    env: { ...process.env, PATH: programs, SLURM_JOB_ID: '77' },
  })
  const facts = JSON.parse(await child.stdout.text())
  expect(facts).toMatchObject({
    os: process.platform,
    arch: process.arch,
    containers: ['podman', 'apptainer'],
    slurm: true,
  })
  expect(facts.cores).toBeGreaterThanOrEqual(1)
  expect(facts.memoryBytes).toBeGreaterThan(2 ** 28)
  if (Bun.which('getconf') !== null) {
    const libc = Bun.spawnSync(['getconf', 'GNU_LIBC_VERSION']).stdout.toString().trim()
    expect(`glibc ${(await machineFacts()).glibc}`).toBe(libc)
  }
})

test('free space is that of the nearest folder that exists', async () => {
  await using folder = temporaryFolder()
  const { bavail, bsize } = await statfs(folder.path)
  const free = await freeBytes(folder.join('not/yet/there'))
  expect(Math.abs(free - bavail * bsize)).toBeLessThan(2 ** 30)
  if (process.platform === 'linux') expect(await volumeOf('/proc/self')).toEqual({ freeBytes: 0 })
})
