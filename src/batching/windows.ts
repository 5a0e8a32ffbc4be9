/**
 * Frames looked at together for sorting by length and sharing identical sequences. 10,000 frames of the real
 * models hold 133 MB of features; larger windows pad no less.
 */
export const WINDOW_FRAMES = 10_000
