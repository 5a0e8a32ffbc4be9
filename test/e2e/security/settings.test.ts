import { afterAll, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { virnucpro } from '../../support/cli.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

/** Each alias is a list of nine of the one before: 9^9 in all. */
const LAUGHS = [
  'a0: &a0 [x]',
  ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`),
  'threads: *a9',
].join('\n')

const marker = folder.join('marker')
const CONTENTS: Readonly<Record<string, string>> = {
  'laughs.yaml': LAUGHS,
  'tag.yaml': `threads: !!js/function "function () { require('fs').writeFileSync('${marker}', '') }()"`,
  'python.yaml': `threads: !!python/object/apply:os.system ["touch ${marker}"]`,
  'shell.yaml': `threads: $(touch ${marker})`,
  'prototype.json': '{"__proto__": {"threads": 3}}',
  'constructor.yaml': 'constructor: {prototype: {threads: 3}}',
  'binary.yaml': '\u0000\u0001\u0002',
}

test('a configuration that is no configuration is one error, at once', async () => {
  for (const [name, text] of Object.entries(CONTENTS)) {
    writeFileSync(folder.join(name), text)
    const { code, stderr, stdout } = await virnucpro(['models', 'list', '--config', name], folder.path)
    expect({ name, code, stdout, stderr }).toEqual({
      name,
      code: ExitCode.usage,
      stdout: '',
      stderr: expect.stringContaining(name),
    })
    expect(stderr).not.toContain('defect')
    expect(stderr.match(/^error: /gm)).toHaveLength(1)
  }
  expect(existsSync(marker)).toBe(false)
})
