import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'

test.skipIf(process.platform !== 'linux')(
  'a runtime that the system cannot load is said in words, not as a defect',
  async () => {
    using folder = temporaryFolder()
    writeFileSync(folder.join('libonnxruntime.so.1'), 'not a library')
    writeFileSync(folder.join('in.fa'), `>a\nATG${'GCT'.repeat(80)}TAA\n`)
    const words = ['predict', folder.join('in.fa'), '-q', '-o', folder.join('out'), '--bundle', 'demo']
    const child = Bun.spawn([process.execPath, 'src/cli/main.ts', ...words, '--backend', 'onnx'], {
      cwd: repository,
      env: { ...process.env, LD_LIBRARY_PATH: folder.path },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
    expect(stderr).toMatch(
      /^error: cannot load ONNX Runtime: .*libonnxruntime\.so\.1: .*LD_LIBRARY_PATH.*\n$/,
    )
    expect(code).toBe(69)
  },
)
