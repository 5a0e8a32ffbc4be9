import { defineCommand } from 'citty'
import { checkpointsCommands, checkpointsHelp } from '../root.ts'

export default defineCommand({
  meta: { name: checkpointsHelp.name, description: checkpointsHelp.about },
  subCommands: checkpointsCommands,
})
