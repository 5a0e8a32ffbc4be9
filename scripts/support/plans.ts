import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const demoBundle = resolve(import.meta.dir, '../../examples/demo-bundle')

/** Files in the form that plans come in; their contents are those of no real plan, which only a GPU can make. */
export function writePlans(folder: string, bundle: string, changes: Record<string, unknown> = {}): void {
  for (const model of ['esm2', 'dnabert_s']) {
    mkdirSync(join(folder, model), { recursive: true })
    for (const computeCapability of ['8.9', '9.0']) {
      const stem = join(folder, model, `model_sm${computeCapability.replace('.', '')}`)
      const plan = `plan of ${model}`
      writeFileSync(`${stem}.plan`, plan)
      const sidecar = {
        format: 'virnucpro-plan',
        version: 1,
        model,
        bundle,
        computeCapability,
        tensorrt: '10.6.0',
        profiles: [
          { min: [1, 1], opt: [320, 51], max: [1024, 64] },
          { min: [1, 65], opt: [96, 168], max: [256, 256] },
        ],
        plan: { bytes: plan.length, sha256: new Bun.CryptoHasher('sha256').update(plan).digest('hex') },
        ...changes,
      }
      writeFileSync(`${stem}.json`, JSON.stringify(sidecar))
    }
  }
}
