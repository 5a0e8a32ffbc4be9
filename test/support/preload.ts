// Runs before every test file: servers that the person at this machine has started must not take part in the tests.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const runtime = mkdtempSync(join(tmpdir(), 'virnucpro-runtime-'))
process.env.XDG_RUNTIME_DIR = runtime
process.once('exit', () => rmSync(runtime, { recursive: true, force: true }))
