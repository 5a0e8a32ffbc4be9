/**
 * Where the toolkit says what it is doing. The command line writes it to standard error and the log file;
 * a program that uses the library passes its own.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}
