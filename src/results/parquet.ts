import { constants, zstdCompressSync } from 'node:zlib'
import { version } from '../../package.json' with { type: 'json' }

const ZSTD_LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** How every Parquet file of this program is written. @param metadata - about the file as a whole */
export function parquetSettings(metadata: Readonly<Record<string, string>>) {
  return {
    codec: 'ZSTD' as const,
    compressors: { ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes, ZSTD_LEVEL) },
    // Rows are in the order of the input: a range of values rules out no group.
    statistics: false,
    createdBy: `virnucpro version ${version}`,
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  }
}
