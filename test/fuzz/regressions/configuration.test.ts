// Inputs that the target `configuration` has found, as small as they get.
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { resolveConfiguration } from '../../../src/settings/index.ts'
import { UsageError } from '../../../src/system/errors.ts'
import { rejection } from '../../integration/torchfile/fixtures.ts'

test.each(['logging: &x {a: *x}\n', 'threads: &x [*x]\n', '&x [*x]\n', 'input: &x [[*x]]\n'])(
  'a configuration with an alias inside of what it names is refused: %j',
  async (text) => {
    await using folder = temporaryFolder()
    writeFileSync(folder.join('virnucpro.config.yaml'), text)
    const error = await rejection(
      resolveConfiguration({ given: new Map(), environment: {}, cwd: folder.path }),
    )
    expect(error).toBeInstanceOf(UsageError)
    expect(String(error)).toContain('virnucpro.config.yaml: an alias stands inside of what it names')
  },
)
