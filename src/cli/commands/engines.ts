import { defineCommand } from 'citty'
import { enginesCommands, enginesHelp } from '../root.ts'

export default defineCommand({
  meta: { name: enginesHelp.name, description: enginesHelp.about },
  subCommands: enginesCommands,
})
