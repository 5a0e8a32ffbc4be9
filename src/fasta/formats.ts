/** Bytes of a file's start that recognition needs: a tar names itself at 257. */
export const HEAD_BYTES = 512

const SAMTOOLS = 'convert it with "samtools fasta", or to BAM with "samtools view -b"'
const UNPACK = 'unpack the archive and give the files in it'
const UTF_16 = 'it is text in UTF-16: convert it with "iconv -f UTF-16 -t UTF-8"'

/** Binary formats that end up as input by mistake; bytes as Latin-1, and what to do where the file holds sequences. */
const BINARY: readonly [name: string, bytes: string, advice?: string][] = [
  ['CRAM', 'CRAM', SAMTOOLS],
  ['BCF', 'BCF'],
  ['PNG', '\x89PNG'],
  ['JPEG', '\xff\xd8\xff'],
  ['GIF', 'GIF8'],
  ['PDF', '%PDF-'],
  ['zip', 'PK\x03\x04', UNPACK],
  ['RAR', 'Rar!\x1a\x07', UNPACK],
  ['7z', '7z\xbc\xaf\x27\x1c', UNPACK],
  ['tar', 'ustar', UNPACK],
  ['gzip', '\x1f\x8b', 'it is compressed twice: decompress it once with "gzip -dc"'],
  ['zstd', '\x28\xb5\x2f\xfd', 'it is compressed twice: decompress it once with "zstd -dc"'],
  ['HDF5', '\x89HDF\r\n\x1a\n'],
  ['SQLite', 'SQLite format 3\0'],
  ['ELF', '\x7fELF'],
  ['2bit', '\x43\x27\x41\x1a', 'convert it with "twoBitToFa"'],
  ['UTF-16', '\xff\xfe', UTF_16],
  ['UTF-16', '\xfe\xff', UTF_16],
]
/** Where a tar names itself; every other format does at its start. */
const TAR_AT = 257

/** BAM is read; see bam-parser.ts. */
export function beginsBam(head: Uint8Array): boolean {
  return head[0] === 0x42 && head[1] === 0x41 && head[2] === 0x4d && head[3] === 1
}

/** Text formats that are taken for sequences; the first one matching the start of the file. */
const TEXT: readonly [prefix: string, advice: string][] = [
  ...['@HD', '@SQ', '@PG', '@RG', '@CO'].map(
    (tag) => [`${tag}\t`, `this is SAM: ${SAMTOOLS}`] as [string, string],
  ),
  ['LOCUS ', 'this is GenBank: convert it to FASTA'],
  ['ID   ', 'this is EMBL: convert it to FASTA'],
  ['##gff', 'this is GFF: give the FASTA file it belongs to'],
  ['##fileformat=VCF', 'this is VCF: give the FASTA file it belongs to'],
  ['#NEXUS', 'this is NEXUS: convert it to FASTA'],
  ['CLUSTAL', 'this is a Clustal alignment: convert it to FASTA'],
  ['<', 'this looks like HTML or XML, perhaps an error page saved by a download'],
  ['version https://git-lfs', 'this is a Git LFS pointer: fetch the file itself with "git lfs pull"'],
]

/** Compression we do not read, by the start of the file, and the command that does. */
const FOREIGN_COMPRESSION: readonly [name: string, bytes: string, command: string][] = [
  ['bzip2', 'BZh', 'bzip2 -dc'],
  ['xz', '\xfd7zXZ\0', 'xz -dc'],
  ['lz4', '\x04\x22\x4d\x18', 'lz4 -dc'],
  ['lzip', 'LZIP', 'lzip -dc'],
  ['compress', '\x1f\x9d', 'gzip -dc'],
]

/** Bytes as Latin-1 text, for comparing with signatures. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** A known binary format, from the first {@link HEAD_BYTES} bytes, with advice on what to do. */
export function recogniseBinary(head: Uint8Array): { name: string; advice: string } | undefined {
  const text = latin1(head)
  const found = BINARY.find(([name, bytes]) => text.startsWith(bytes, name === 'tar' ? TAR_AT : 0))
  return found && { name: found[0], advice: found[2] ?? 'give a FASTA or FASTQ file' }
}

/** What a text that is neither FASTA nor FASTQ is, and what to do with it. */
export function recogniseText(start: string): string | undefined {
  return TEXT.find(([prefix]) => start.startsWith(prefix))?.[1]
}

export function recogniseCompression(head: Uint8Array): { name: string; command: string } | undefined {
  const text = latin1(head.subarray(0, 16))
  const found = FOREIGN_COMPRESSION.find(([, bytes]) => text.startsWith(bytes))
  // 'BZh' alone could start a text: the magic of a block, or that of the end, follows it after a digit.
  const isBlock = text.startsWith('1AY&SY', 4) || text.startsWith('\x17rE8P\x90', 4)
  if (found === undefined || (found[0] === 'bzip2' && !isBlock)) return undefined
  return { name: found[0], command: found[2] }
}
