/** The KServe v2 client under this package's own name, for those who install `virnucpro` only. */
export * from '#tritonclient-ts'
