import packageManifest from '../../package.json' with { type: 'json' }

/** Who wrote a graph. The program's own version stays out of it: equal models give equal files whoever wrote them. */
export const PRODUCER = { name: packageManifest.name, version: 'bundle 1' }
