// Where every file of a run lies, in both layouts: one table, and queries on it.

export {
  FILES,
  type FileContent,
  type FileForm,
  type FileName,
  type LayoutName,
  reader,
  SAMPLES_FILES,
  STATE_ABOUT,
  STATE_FILES,
  STATES_FOLDER,
} from './catalogue.ts'
export { COLUMNS, type Column, type ColumnName, columnNames, columnPlaces } from './columns.ts'
export {
  derivedFiles,
  fixedFiles,
  formerPaths,
  madeBy,
  type OutputPaths,
  outputPaths,
  type PathOptions,
  resultFiles,
  runPaths,
  type SamplesPaths,
  samplesPaths,
  sharedFiles,
  statePaths,
} from './paths.ts'
export { recognizer, takenNames } from './scan.ts'
export { folderStemOf, stemOf } from './stem.ts'
