import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isInstalled } from '../../../scripts/support/installed.ts'

const library = resolve(import.meta.dir, '../../../.cache/clock/libfaketime.so.1')

/** True where libfaketime is present, made by scripts/test-clock.sh; in CI its absence is a failure, never a skip. */
export const hasClocks = isInstalled(library, 'scripts/test-clock.sh')

/** A clock that programs see instead of that of the machine, and that can be set while they run. */
export interface Clock {
  readonly env: Readonly<Record<string, string>>
  /** @param time - such as `2041-01-01 00:00:00`, from which it goes on */
  set(time: string): void
}

/** @param file - what the programs look up the time in */
export function clockIn(file: string, time: string): Clock {
  const set = (to: string) => writeFileSync(file, `@${to}\n`)
  set(time)
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    // As on a machine whose clock is set: what counts seconds since its start goes on.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  return { env, set }
}
