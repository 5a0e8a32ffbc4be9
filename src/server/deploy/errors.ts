import { UnavailableError } from '../../system/errors.ts'

/** What GPUs need is not there, and cannot be made. */
export class DeployError extends UnavailableError {}
