/** Where faults happen: another place in each run of the tests, the same with the seed that was printed. */
export const SEED = Number(process.env.VIRNUCPRO_TEST_SEED ?? Math.floor(Math.random() * 1e6))
