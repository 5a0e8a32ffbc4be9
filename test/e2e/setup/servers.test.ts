import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { startDisks } from '../../support/faults/disks.ts'
import { standInGpus } from '../../support/gpu/standins.ts'
import { basePython, makePackages } from '../runtime/packages.ts'
import { engines } from '../runtime/support.ts'
import { open, PREDICT, user, WEIGHTS } from './support.ts'

describe.skipIf(!hasTriton)('a machine with GPUs, a Python and nothing else', () => {
  test('has a server of its own after one command, from a folder of packages', async () => {
    await using machine = await standInGpus({ gpus: ['h100', 'h100'] })
    await using folder = temporaryFolder()
    const packages = folder.join('packages')
    await makePackages(packages, { machine })
    mkdirSync(folder.join('bin'))
    symlinkSync(join(machine.path, 'nvidia-smi'), folder.join('bin/nvidia-smi'))
    await using me = user({ ...machine.env, PATH: `${folder.join('bin')}:/usr/bin:/bin` })
    const words = ['--python', basePython, '--wheels', packages, '--calibrate', 'none']
    const { stdout: plan } = await me.succeed('setup', ...WEIGHTS, ...words, '--dry-run')
    expect(open(plan)).toContainEqual(
      expect.stringMatching(/^a private server with Triton 2\.51 and TensorRT 10\.6\.0 \(.*NVIDIA/),
    )
    expect(existsSync(me.home('servers'))).toBe(false)

    const { stdout } = await me.succeed('setup', ...WEIGHTS, ...words, '--yes')
    expect(stdout).toBe(PREDICT)
    const { server } = me.record().gpu
    expect(server).toEqual({ kind: 'private', name: 'triton-2.51-tensorrt-10.6.0' })
    await me.succeed('predict', '--input', me.reads(), '--output-dir', me.join('results'))
    expect((await me.succeed('setup')).stderr).toContain('everything is set up')

    // The Python that it was made from is gone: the server is made again, and nothing else.
    rmSync(me.home('servers', server.name, 'venv/bin/python3'))
    const again = await me.succeed('setup', ...words, '--dry-run')
    expect(open(again.stdout).join()).toMatch(/^a private server/)
    const { stderr } = await me.succeed('setup', ...words, '--yes')
    expect(stderr).not.toContain('building a plan')
    expect(existsSync(me.home('servers', server.name, 'venv/bin/python3'))).toBe(true)
  }, 120_000)
})

describe.skipIf(!hasTriton)('a machine with GPUs and an engine for containers', () => {
  test.each(['podman', 'apptainer'])(
    'has a server of an image after one command: %s',
    async (engine) => {
      await using machine = await standInGpus({
        gpus: ['h200', 't4'],
        tensorrtBackend: true,
        builder: 'trtexec',
        driver: '580.65.06',
      })
      await using folder = temporaryFolder()
      const { PATH = '' } = engines(folder.path, machine.env.PATH ?? '', [engine])
      symlinkSync(join(machine.path, 'nvidia-smi'), folder.join('bin/nvidia-smi'))
      // The image is as large as NVIDIA says, whatever the disk of this machine has free.
      const disk = folder.join('disk')
      mkdirSync(disk)
      await using disks = await startDisks()
      await disks.mount('-t', 'tmpfs', '-o', 'size=64g', 'none', disk)
      await using me = user({ ...machine.env, PATH }, join(disk, 'home'), disks)
      const { stdout: plan } = await me.succeed('setup', ...WEIGHTS, '--calibrate', 'none', '--dry-run')
      expect(open(plan)).toContainEqual(
        expect.stringMatching(/^a container of .*tritonserver:26\.09-py3, run by \w+ \(NVIDIA's terms/),
      )
      const { stdout, stderr } = await me.succeed('setup', ...WEIGHTS, '--calibrate', 'none', '--yes')
      expect(stdout).toBe(PREDICT)
      expect(stderr).toContain('fetching layers')
      expect(me.record().gpu).toMatchObject({ attention: 'standard', server: { kind: 'container', engine } })
      await me.succeed('predict', '--input', me.reads(), '--output-dir', me.join('results'))
      expect((await me.succeed('setup')).stderr).toContain('everything is set up')
    },
    120_000,
  )
})
