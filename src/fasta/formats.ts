/** Bytes of a file's start that recognition needs: a tar names itself at 257. */
export const HEAD_BYTES = 512

interface Signature {
  name: string
  bytes: string
  at?: number
}

/** Binary formats that end up as input by mistake; bytes as Latin-1. */
const BINARY: readonly Signature[] = [
  { name: 'BAM', bytes: 'BAM\x01' },
  { name: 'CRAM', bytes: 'CRAM' },
  { name: 'BCF', bytes: 'BCF' },
  { name: 'PNG', bytes: '\x89PNG' },
  { name: 'JPEG', bytes: '\xff\xd8\xff' },
  { name: 'GIF', bytes: 'GIF8' },
  { name: 'PDF', bytes: '%PDF-' },
  { name: 'zip', bytes: 'PK\x03\x04' },
  { name: 'RAR', bytes: 'Rar!\x1a\x07' },
  { name: '7z', bytes: '7z\xbc\xaf\x27\x1c' },
  { name: 'tar', bytes: 'ustar', at: 257 },
  { name: 'gzip', bytes: '\x1f\x8b' },
  { name: 'zstd', bytes: '\x28\xb5\x2f\xfd' },
  { name: 'HDF5', bytes: '\x89HDF\r\n\x1a\n' },
  { name: 'SQLite', bytes: 'SQLite format 3\0' },
  { name: 'ELF', bytes: '\x7fELF' },
  { name: '2bit', bytes: '\x43\x27\x41\x1a' },
  { name: 'UTF-16', bytes: '\xff\xfe' },
  { name: 'UTF-16', bytes: '\xfe\xff' },
]

/** What to do with the formats that hold sequences after all. */
const ADVICE: Record<string, string> = {
  BAM: 'convert it with "samtools fasta"',
  CRAM: 'convert it with "samtools fasta"',
  gzip: 'it is compressed twice: decompress it once with "gzip -dc"',
  zstd: 'it is compressed twice: decompress it once with "zstd -dc"',
  tar: 'unpack the archive and give the files in it',
  zip: 'unpack the archive and give the files in it',
  RAR: 'unpack the archive and give the files in it',
  '7z': 'unpack the archive and give the files in it',
  '2bit': 'convert it with "twoBitToFa"',
  'UTF-16': 'it is text in UTF-16: convert it with "iconv -f UTF-16 -t UTF-8"',
}

/** Text formats that are taken for sequences; the first one matching the start of the file. */
const TEXT: readonly [prefix: string, advice: string][] = [
  ['@HD\t', 'this is SAM: convert it with "samtools fasta"'],
  ['@SQ\t', 'this is SAM: convert it with "samtools fasta"'],
  ['@PG\t', 'this is SAM: convert it with "samtools fasta"'],
  ['@RG\t', 'this is SAM: convert it with "samtools fasta"'],
  ['@CO\t', 'this is SAM: convert it with "samtools fasta"'],
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
  const found = BINARY.find(({ bytes, at = 0 }) => text.startsWith(bytes, at))
  return found && { name: found.name, advice: ADVICE[found.name] ?? 'give a FASTA or FASTQ file' }
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
