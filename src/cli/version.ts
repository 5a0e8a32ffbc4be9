import manifest from '../../package.json' with { type: 'json' }

/** The version as released, `0.1.0`. */
export const version: string = manifest.version
