import { join } from 'node:path'
import { runFolders } from './find.ts'
import type { RunPlan } from './migrate-plan.ts'
import { type BroadStage, PipelineState, readPipelineConfig, type StageOutputs } from './pipeline-state.ts'

/**
 * The state that Broad's fork would have written for the files of a run, so that its `--resume` goes on from there.
 * @param placed where a path of the run will lie in the end
 */
export async function stateOf(plan: RunPlan, placed: (path: string) => string): Promise<PipelineState> {
  const { run } = plan
  const length = run.expectedLength ?? 500
  // Of a run of the original nothing is known of the model but the length: the name that Broad's fork gives it.
  const config = (await readPipelineConfig(run.root)) ?? {
    expectedLength: length,
    modelPath: `${length === 300 ? 300 : 500}_model.pth`,
  }
  const state = PipelineState.create(placed(run.root), config)
  const folders = runFolders(run.root, run.stem, 'broad')
  const isFinished = plan.tables !== undefined
  for (const [stage, outputs, present] of stages(plan, folders)) {
    // Of a finished run Broad's fork removes the files of the first stages itself.
    if (!present && !isFinished) break
    state.stage(stage).complete(mapped(outputs, placed))
  }
  return state
}

type Stage = [BroadStage, StageOutputs, present: boolean]

function stages(plan: RunPlan, { nucleotide, protein, merged }: ReturnType<typeof runFolders>): Stage[] {
  const { root, stem, chunked } = plan.run
  const dnaParts = plan.fastas.map(([, to]) => to).filter((path) => path.startsWith(`${nucleotide}/`))
  const proteinParts = plan.fastas.map(([, to]) => to).filter((path) => path.startsWith(`${protein}/`))
  const targets = (kind: string) => plan.checkpoints.filter((file) => file.kind === kind).map(({ to }) => to)
  const dnabert = targets('dnabert')
  const esm = [...targets('esm'), ...plan.gathered.map(({ to }) => to)]
  const mergedFiles = targets('merged')
  const frames = {
    nucleotide_file: join(root, `${stem}_nucleotide.fa`),
    protein_file: join(root, `${stem}_protein.faa`),
  }
  const isCopied = (path: string) => plan.copies.some(([, to]) => to === path)
  const complete = (files: string[], parts: string[]) => files.length > 0 && files.length === parts.length
  return [
    ['CHUNKING', { files: chunked === undefined ? [] : [chunked] }, chunked !== undefined],
    ['TRANSLATION', frames, isCopied(frames.nucleotide_file) && isCopied(frames.protein_file)],
    ['NUCLEOTIDE_SPLITTING', { nucleotide_files: dnaParts }, dnaParts.length > 0],
    ['PROTEIN_SPLITTING', { protein_files: proteinParts }, proteinParts.length > 0],
    ['NUCLEOTIDE_FEATURES', { nucleotide_features: dnabert }, complete(dnabert, dnaParts)],
    ['PROTEIN_FEATURES', { protein_features: esm }, complete(esm, proteinParts)],
    ['FEATURE_MERGING', { merged_files: mergedFiles }, complete(mergedFiles, dnaParts)],
    ['PREDICTION', { prediction_file: join(merged, 'prediction_results.txt') }, false],
    ['CONSENSUS', { consensus_file: join(merged, 'prediction_results_highestscore.csv') }, false],
  ]
}

function mapped(outputs: StageOutputs, placed: (path: string) => string): StageOutputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([key, value]) => [
      key,
      typeof value === 'string' ? placed(value) : value.map(placed),
    ]),
  )
}
