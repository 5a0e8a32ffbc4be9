/** What decides where faults happen; `VIRNUCPRO_TEST_SEED` tries other places. */
export const SEED = Number(process.env.VIRNUCPRO_TEST_SEED ?? 1)
