// Where every file of a run lies, in both layouts.

export {
  type LayoutName,
  madeBy,
  type OutputPaths,
  outputPaths,
  type PathOptions,
  sharedFiles,
} from './paths.ts'
