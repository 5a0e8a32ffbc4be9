import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { backbonesId } from '../../bundle/index.ts'
import { homePlace } from '../../home/index.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'tensorrt',
  title: 'TensorRT',
  about: 'whether the plans are of the version of TensorRT that the server has',
  remedy: 'virnucpro setup',
  async examine({ runtime, home, bundle, environment, signal }) {
    // What is wrong with these is said in findings of their own.
    const [server, base] = await Promise.all([
      runtime().catch(() => undefined),
      bundle().catch(() => undefined),
    ])
    const gpu = (await home().catch(() => undefined))?.gpu
    if (server === undefined || gpu === undefined) return undefined
    const version = await server.tensorrt(signal)
    if (base === undefined) return ok(`${version} in the server`)
    const form = gpu.attention === 'fused' ? `${gpu.precision}-fused` : gpu.precision
    const folder = join(homePlace('plans', environment), backbonesId(base.manifest), form)
    const built = (await readdir(folder).catch(() => [])).filter((name) => /^\d/.test(name)).sort()
    if (built.length === 0 || built.includes(version)) return ok(`${version} in the server`)
    return warning(
      `the server has ${version}, and the plans are of ${built.join(', ')}: they do not load`,
      this.remedy,
    )
  },
} satisfies Check
