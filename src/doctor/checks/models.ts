import { MODEL_NAMES, modelFacts } from '../../bundle/index.ts'
import { bytes } from '../../text/numbers.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

export default {
  id: 'models',
  title: 'Models',
  about: 'whether the default bundle exists, and its files have the right sizes; large files are not read',
  remedy: 'virnucpro setup',
  async examine({ bundle, home }) {
    // What is wrong with the home is a finding of its own.
    if (
      await home().then(
        () => false,
        () => true,
      )
    )
      return undefined
    const found = await bundle()
    if (found === undefined) return problem('no models are set up', this.remedy)
    const { folder, manifest } = found
    const { precision, demo, models } = manifest
    const sizes = MODEL_NAMES.map(
      (name) =>
        `${modelFacts(name).label} (${models[name].layers} layers of ${models[name].width}, ${bytes(models[name].weights.bytes)})`,
    )
    if (demo)
      return warning(`${folder} is a demonstration with random weights: its calls mean nothing`, this.remedy)
    return ok(`${sizes.join(' and ')} in ${precision.toUpperCase()}, in ${folder}`)
  },
} satisfies Check
