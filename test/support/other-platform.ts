// To be preloaded: this process takes itself for one on the system that TEST_PLATFORM names. Packages with native code see the real one.

const real = process.platform
const other = process.env.TEST_PLATFORM as NodeJS.Platform

Object.defineProperty(process, 'platform', {
  get() {
    // The first frame is this function, the second whoever asks.
    const [, , asker = ''] = new Error().stack?.split('\n') ?? []
    return asker.includes('/node_modules/') ? real : other
  },
})
