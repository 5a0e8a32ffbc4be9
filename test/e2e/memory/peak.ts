// Loaded before the program: writes down how much memory it has had when it ends.
import { readFileSync, writeFileSync } from 'node:fs'

process.on('exit', () => {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  writeFileSync(process.env.PEAK_FILE as string, kilobytes as string)
})
