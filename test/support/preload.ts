// Runs before every test file: neither the servers nor the home of the person at this machine take part in the tests.
import { afterAll } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const runtime = mkdtempSync(join(tmpdir(), 'virnucpro-runtime-'))
process.env.XDG_RUNTIME_DIR = runtime
// Empty: a test that puts something into a home has one of its own.
const home = mkdtempSync(join(tmpdir(), 'virnucpro-home-'))
process.env.VIRNUCPRO_HOME = home
// After the last file; `bun test` ends without the event `exit`.
afterAll(() => {
  for (const folder of [runtime, home]) rmSync(folder, { recursive: true, force: true })
})
