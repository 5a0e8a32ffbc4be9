import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'

const SCRIPT = resolve(import.meta.dir, '../../../scripts/count-lines.ts')

function run(cwd: string, ...words: string[]): { code: number; out: string; err: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, { cwd })
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() }
}

test('lines of hand-written TypeScript are counted by folder, of the working tree or of a commit', async () => {
  await using folder = temporaryFolder()
  const write = async (path: string, lines: number) => {
    await mkdir(join(folder.path, path, '..'), { recursive: true })
    writeFileSync(join(folder.path, path), 'x\n'.repeat(lines))
  }
  const git = (...words: string[]) =>
    run(folder.path, 'git', '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words)
  await write('src/index.ts', 1)
  await write('src/cli/main.ts', 2)
  await write('src/cli/commands/run.ts', 4)
  await write('src/onnx/onnx_pb.ts', 8)
  await write('bench/gpu/forms.ts', 16)
  await write('bench/gpu/forms.py', 32)
  await write('test/some.test.ts', 64)
  await write('packages/client/src/index.ts', 128)
  await write('packages/client/test/some.test.ts', 256)
  git('init', '-q')
  git('add', '-A')
  expect(git('commit', '-qm', 'first').code).toBe(0)
  await write('src/cli/main.ts', 3)
  const count = (...words: string[]) => run(folder.path, process.execPath, SCRIPT, ...words)
  expect(count().out).toBe('128\tpackages/client\n16\tbench/gpu\n7\tsrc/cli\n1\tsrc\n152\tall\n')
  expect(count('HEAD').out).toBe('128\tpackages/client\n16\tbench/gpu\n6\tsrc/cli\n1\tsrc\n151\tall\n')
  expect(count('nothing')).toMatchObject({ code: 1, err: expect.stringContaining('nothing') })
})
