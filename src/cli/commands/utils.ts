import { defineCommand } from 'citty'
import { utilsCommands, utilsHelp } from '../root.ts'

export default defineCommand({
  meta: { name: utilsHelp.name, description: utilsHelp.about },
  subCommands: utilsCommands,
})
