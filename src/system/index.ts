export { ExitCode, UsageError, VirnucproError } from './errors.ts'
