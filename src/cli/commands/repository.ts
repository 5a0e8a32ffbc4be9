import { defineCommand } from 'citty'
import { repositoryCommands, repositoryHelp } from '../root.ts'

export default defineCommand({
  meta: { name: repositoryHelp.name, description: repositoryHelp.about },
  subCommands: repositoryCommands,
})
