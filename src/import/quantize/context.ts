/** What every calibration is given. */
export interface CalibrationContext {
  /** For files that are gone at the end. */
  readonly folder: string
  readonly onProgress?: ((message: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Seconds between two messages. */
const EVERY = 5

/** Tells of layers, from 0, that are done: now and then, and of the last. */
export function layerReporter(
  layers: number,
  done: string,
  { onProgress }: CalibrationContext,
): (index: number) => void {
  let told = performance.now()
  return (index) => {
    if (index + 1 < layers && performance.now() - told <= EVERY * 1000) return
    told = performance.now()
    onProgress?.(`esm2: ${done} layer ${index + 1} of ${layers}`)
  }
}
