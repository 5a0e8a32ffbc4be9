import { TritonError } from 'tritonclient-ts'
import { VirnucproError } from '../../src/system/errors.ts'
import { fail } from '../result.ts'

/** Runs a bench; what its user can put right is said in one line, with exit code 2. */
export async function explained(bench: () => Promise<void>): Promise<void> {
  try {
    await bench()
  } catch (error) {
    if (error instanceof VirnucproError || error instanceof TritonError) fail(error.message)
    throw error
  }
}
