import { defineCommand } from 'citty'
import { modelsCommands, modelsHelp } from '../root.ts'

export default defineCommand({
  meta: { name: modelsHelp.name, description: modelsHelp.about },
  subCommands: modelsCommands,
})
