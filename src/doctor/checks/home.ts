import { HomeError, homeFolder, isHomeReadOnly, privateFolder } from '../../home/index.ts'
import { volumeOf } from '../../machine/index.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

const ELSEWHERE = 'export VIRNUCPRO_HOME=DIR'

export default {
  id: 'home',
  title: 'Home',
  about: 'whether the home can be read and written to, and whether it is on a network',
  remedy: 'move home.json away, and set up again',
  async examine({ environment, home, bundle }) {
    const unusable = await home().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (unusable instanceof HomeError && unusable.detail?.code === 'other-home')
      return problem(unusable.message, ELSEWHERE)
    if (unusable !== undefined) throw unusable
    const folder = homeFolder(environment)
    const { network } = await volumeOf(folder)
    const where = network === undefined ? folder : `${folder}, on ${network}`
    if (!(await isHomeReadOnly(environment))) return ok(where)
    const isSetUp = await bundle().then(
      (found) => found !== undefined,
      () => true,
    )
    if (isSetUp) return ok(`${where}, read-only for you; your own files go to ${privateFolder(environment)}`)
    return warning(`${where} cannot be written to, and nothing is set up there`, ELSEWHERE)
  },
} satisfies Check
