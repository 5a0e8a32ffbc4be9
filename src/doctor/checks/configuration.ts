import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'configuration',
  title: 'Configuration',
  about:
    'whether the configuration file and the `VIRNUCPRO_` variables can be used, and all of them are known',
  remedy: 'virnucpro config',
  async examine({ configuration, environment }) {
    const { file, warnings } = await configuration()
    const [first, ...others] = warnings
    if (first !== undefined) {
      const more = others.length === 0 ? '' : ` (and ${others.length} more)`
      return warning(`${first.replace(/\.$/, '')}${more}`, this.remedy)
    }
    const variables = Object.keys(environment).filter((name) => name.startsWith('VIRNUCPRO_'))
    const from = [file === undefined ? [] : [file], variables].flat()
    return ok(from.length === 0 ? 'no file, no variables' : from.join(', '))
  },
} satisfies Check
