import { stat } from 'node:fs/promises'
import packageManifest from '../../../package.json' with { type: 'json' }
import type { Bundle } from '../../bundle/index.ts'
import { sha256File } from '../../system/sha256.ts'
import type { PlanSidecar } from '../repository/index.ts'
import type { Builder, BuildRequest, BuildResult } from './builder.ts'

type Model = PlanSidecar['model']

/** All that is known of a plan, for the file beside it. Times are UTC. */
export async function describePlan(
  bundle: Bundle,
  model: Model,
  builder: Builder,
  request: BuildRequest,
  { target, seconds }: BuildResult,
): Promise<PlanSidecar & Record<string, unknown>> {
  const { graph, weights } = bundle.manifest.models[model]
  return {
    format: 'virnucpro-plan',
    version: 1,
    model,
    bundle: bundle.digest,
    computeCapability: target.computeCapability,
    tensorrt: target.tensorrt,
    profiles: request.profiles.map(({ min, opt, max }) => ({ min, opt, max })),
    gpu: target.gpu,
    ...(target.memoryBytes !== undefined && { gpuMemoryBytes: target.memoryBytes }),
    graph: { sha256: graph.sha256 },
    weights: { sha256: weights.sha256, bytes: weights.bytes },
    plan: { bytes: (await stat(request.plan)).size, sha256: await sha256File(request.plan) },
    precision: bundle.manifest.precision,
    attention: bundle.manifest.attention ?? 'standard',
    optimizationLevel: request.optimizationLevel,
    ...(request.workspaceBytes !== undefined && { workspaceBytes: request.workspaceBytes }),
    builder: builder.name,
    buildSeconds: Math.round(seconds * 10) / 10,
    built: new Date().toISOString(),
    tool: { name: packageManifest.name, version: packageManifest.version },
  }
}
