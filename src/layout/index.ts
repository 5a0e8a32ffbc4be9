// Where every file of a run lies, in both layouts: one table, and queries on it.

export {
  FILES,
  type FileContent,
  type FileName,
  type LayoutName,
  reader,
  STATE_FILES,
  STATES_FOLDER,
} from './catalogue.ts'
export {
  derivedFiles,
  madeBy,
  type OutputPaths,
  outputPaths,
  resultFiles,
  runPaths,
  sharedFiles,
  statePaths,
} from './paths.ts'
export { recognizer, takenNames } from './scan.ts'
