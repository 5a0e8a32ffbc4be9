/** The test that shows a promise. */
export interface Evidence {
  /** Path of the test file from the root of the checkout. */
  readonly file: string
  /** Name of the test, spelled as in the source. */
  readonly name: string
}

/** A test by its file and its name. */
export function shownBy(file: string, name: string): Evidence {
  return { file, name }
}
