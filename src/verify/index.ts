/** Checks embeddings against a reference: those of the graph in this process, or rows of the original's files. */

export { builtInCases, type Case } from './cases.ts'
export { type Comparison, compareRows } from './compare.ts'
export { embedAll } from './embed.ts'
export { GoldenError, readGolden } from './golden.ts'
export { type ModelReport, type VerifyOptions, type VerifyReport, verify } from './verify.ts'
