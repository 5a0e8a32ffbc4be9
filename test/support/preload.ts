import { setDefaultTimeout } from 'bun:test'

// Real servers, real Python and real files: give them time on a loaded two-core machine.
setDefaultTimeout(120_000)
