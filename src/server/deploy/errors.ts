import { UnavailableError } from '../../system/errors.ts'

/** A part that GPUs need is missing and cannot be made. */
export class DeployError extends UnavailableError {}
