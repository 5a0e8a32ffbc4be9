import type { LayoutName } from '../layout/index.ts'
import type { ByteSink } from '../system/atomic.ts'

/** A frame as the tables print it. */
export interface PrintedFrame {
  /** Frame id: chunk id and `F1`..`F3` or `R1`..`R3`. */
  id: string
  isViral: boolean
  /** Score of the class `others`, as text. */
  others: string
  /** Score of the class `virus`, as text. */
  viral: string
}

export interface TableCounts {
  frames: number
  viralFrames: number
  /** Chunks with at least one frame, so with a row. */
  calledChunks: number
  viralChunks: number
}

export interface TableContext {
  layout: LayoutName
  /** Line to put first, with its line end; empty unless the models are a demonstration. */
  stamp: string
  /** Counts to add to. */
  counts: TableCounts
  /** Names the files that a sort too large for memory spills to. */
  spillPath(run: number): string
}

/** A result table while it is written. */
export interface TableWriter {
  /** Frames in the order of the input, some thousand at a time. */
  add(frames: readonly PrintedFrame[]): Promise<void>
  /** Called once, after the last frame. */
  finish?(): Promise<void>
  /** Called in the end, also after an error. */
  close?(): Promise<void>
}

/** Begins a result table. */
export type Table = (file: ByteSink, context: TableContext) => Promise<TableWriter>
