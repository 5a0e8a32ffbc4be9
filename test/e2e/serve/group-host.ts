// Starts a process group as a server would be started, says so, and waits. Words: prefix of its regions, shell program.
import { ProcessGroup } from '../../../src/server/serve/process-group.ts'

const [prefix = '', program = ''] = process.argv.slice(2)
const group = new ProcessGroup({ argv: ['sh', '-c', program], env: {} }, () => {}, prefix)
process.stdout.write(`${group.pid}\n`)
setInterval(() => {}, 1000)
