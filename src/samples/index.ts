// Samples: which files belong to which, from a sheet or one for each file.

export { requireReadable, requireSamples, type Sample, samplesPerInput } from './sample.ts'
export { readSampleSheet, type SampleSheet } from './sheet.ts'
