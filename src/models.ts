/** `virnucpro/models`: bundles, and the import of the weights they are made from. */
export * from './bundle/index.ts'
export * from './import/index.ts'
