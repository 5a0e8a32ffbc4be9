import { UnavailableError } from '../../system/errors.ts'

/** A server of this machine cannot be used, or not be put in place. */
export class RuntimeError extends UnavailableError {}
