// A run with small windows in a process of its own, for tests that kill it or limit it.
//   bun windowed-run.ts INPUT OUTPUT OVERRIDES-AS-JSON
import { predictHere } from './resume-inprocess.ts'

const [input = '', output = '', overrides = '{}'] = process.argv.slice(2)
const { windowFrames, ...options } = JSON.parse(overrides)
const { error, log } = await predictHere(input, output, options, undefined, { windowFrames })
console.error(log)
if (error !== undefined) console.error(`error: ${error.message}`)
process.exitCode = error === undefined ? 0 : 1
