import { join } from 'node:path'
import type { InferenceSession } from '../../onnx/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import { esm2EndGraph, esm2LayerGraph } from '../graphs/esm2-parts.ts'
import type { OpenedEsm2 } from '../load.ts'
import type { Rounded } from './accuracy.ts'
import { type CalibrationContext, layerReporter } from './context.ts'
import { LayerFolder } from './layer-folder.ts'
import type { CalibrationOrfs } from './orfs.ts'
import { advance, meansOf, type Outputs, type States, startOf } from './states.ts'

export interface FollowOptions {
  /** What the embedding table of the rounded model is stored as. */
  readonly asStored: (table: Float32Array) => Float32Array
  /** What makes its graphs rounded. */
  readonly rounded: Pick<GraphOptions, 'precision' | 'roundWeights'>
  /** Outputs of the exact layers, and of what follows them, that are wanted. */
  readonly watch?: GraphOptions['watch']
  /** Gets the outputs of each exact layer, and of what follows them. */
  readonly onOutputs?: (outputs: Outputs) => void
  /** Called after each exact layer. */
  readonly onLayer?: () => void
  /** What is done with a layer, as messages say it. */
  readonly done: string
}

/**
 * Follows frames through ESM-2 twice, exactly and rounded, in this process. One layer of either is in memory at a time, and of
 * two at most the weights are on disk: while one computes, the next is written.
 *
 * @returns embeddings, row-major [frames, width]
 */
export async function followTwice(
  { shape, tensors, inverseFrequencies }: OpenedEsm2,
  frames: CalibrationOrfs['heldOut'],
  options: FollowOptions,
  context: CalibrationContext,
): Promise<Rounded> {
  const { asStored, rounded, watch, onOutputs, onLayer, done } = options
  const report = layerReporter(shape.layers, done, context)
  const exactly: Track = {
    how: watch === undefined ? {} : { watch },
    states: (await startOf({ shape, tensors }))(frames),
    ...(onOutputs && { onOutputs }),
    onLayer: () => onLayer?.(),
  }
  const other: Track = {
    how: rounded,
    states: (await startOf({ shape, tensors }, asStored))(frames),
    onLayer: report,
  }
  const layerOf = (track: Track, index: number): Step => ({
    graph: () => esm2LayerGraph(shape, tensors, inverseFrequencies[index]!, index, track.how),
    run: async (session) => {
      track.states = await advance(session, track.states, track.onOutputs)
      track.onLayer(index)
    },
  })
  const endOf = (track: Track): Step => ({
    graph: () => esm2EndGraph(shape, tensors, track.how),
    run: async (session) => {
      const { states, onOutputs } = track
      track.embeddings = await meansOf(session, states, frames.length, shape.width, onOutputs)
    },
  })
  const tracks = [exactly, other]
  const layers = Array.from({ length: shape.layers }, (_, index) =>
    tracks.map((each) => layerOf(each, index)),
  )
  await inTurn([...layers.flat(), ...tracks.map(endOf)], context)
  return { exact: exactly.embeddings!, rounded: other.embeddings! }
}

/** One of the two models, and how far the frames have come in it. */
interface Track {
  readonly how: Pick<GraphOptions, 'precision' | 'roundWeights' | 'watch'>
  states: States[]
  /** Of all frames, at the end. */
  embeddings?: Float32Array
  readonly onOutputs?: (outputs: Outputs) => void
  /** @param index of the layer, from 0 */
  readonly onLayer: (index: number) => void
}

interface Step {
  graph(): Parameters<LayerFolder['write']>[0]
  run(session: InferenceSession): Promise<void>
}

/** Runs one graph after the other; the next is written while one runs. */
async function inTurn(steps: readonly Step[], { folder, signal }: CalibrationContext): Promise<void> {
  const places = ['layer_a', 'layer_b'].map((name) => new LayerFolder(join(folder, name)))
  const write = async (index: number) => {
    const step = steps[index]
    if (step !== undefined) await places[index % 2]!.write(step.graph())
  }
  await write(0)
  for (const [index, { run }] of steps.entries()) {
    signal?.throwIfAborted()
    // Both have ended before anything goes on, or wrong: nothing may write into a folder that is being removed.
    const both = await Promise.allSettled([places[index % 2]!.run(run), write(index + 1)])
    for (const one of both) if (one.status === 'rejected') throw one.reason
  }
  for (const place of places) await place.remove()
}
