// Where every file of a run lies, in both layouts: one table, and queries on it.

export {
  FILES,
  type FileContent,
  type FileName,
  type LayoutName,
  type Placeholders,
  reader,
  STATE_FILES,
  STATES_FOLDER,
} from './catalogue.ts'
export {
  madeBy,
  type OutputPaths,
  outputPaths,
  type PathOptions,
  type RunName,
  resultFiles,
  runPaths,
  sharedFiles,
  statePaths,
} from './paths.ts'
export { type FoundFile, recognizer, takenNames } from './scan.ts'
