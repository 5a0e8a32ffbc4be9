/**
 * The bound of memory for each kind of input.
 * `scripts/reliability.ts` makes the table of docs/reference/reliability.md from this file.
 */
import { type Evidence, shownBy } from './evidence.ts'

export interface MemoryBound {
  readonly input: string
  /** Memory above that of the same command with a small input, or the limit after which the input is refused. */
  readonly bound: string
  /** What the bound follows from. */
  readonly why: string
  readonly test: Evidence
}

const GROWTH = shownBy('test/e2e/memory/growth.test.ts', 'memory of predict has a bound for $name')
const REFUSED = shownBy('test/e2e/memory/refused.test.ts', '$what is one error, and takes no memory')
const MANY = 'test/e2e/memory/many.test.ts'
const STATE = 'test/e2e/memory/state.test.ts'

export const MEMORY: readonly MemoryBound[] = [
  {
    input: 'a long record, in one line or in many',
    bound: '2.5 bytes for each base',
    why: 'one record is held at a time; memory that is freed and not yet collected can be as much again',
    test: GROWTH,
  },
  {
    input: 'many short records',
    bound: '80 bytes a record',
    why: 'a table of hashes finds duplicate ids; the ids, the list of chunks and the records themselves go to a file',
    test: GROWTH,
  },
  {
    input: 'invalid records that are left out',
    bound: 'none',
    why: 'each goes to the lists on the disk as soon as the records before it have',
    test: GROWTH,
  },
  {
    input: 'records with the same id',
    bound: '80 bytes a record with `--duplicate-ids suffix`, else none',
    why: 'with `suffix` all ids of the input are read before the first record is used',
    test: GROWTH,
  },
  {
    input: 'a header',
    bound: '16 MiB, its id 16 KiB; longer ones are invalid',
    why: 'the id is repeated in frames, parts and tables',
    test: shownBy('test/integration/fasta/invalid.test.ts', 'endless id'),
  },
  {
    input: 'many long headers',
    bound: '150 MB',
    why: 'a batch of records ends at 16 Mi letters in headers',
    test: GROWTH,
  },
  {
    input: 'blank lines, and gzip or zstd that become gigabytes of them',
    bound: 'none; 2 GiB for zstd of `--long=31`',
    why: 'text is decompressed a MiB at a time; the window of zstd takes the size in its header, and no more than the text so far',
    test: GROWTH,
  },
  {
    input: 'gigabytes of zeros in a small compressed file',
    bound: 'refused at the first byte',
    why: 'control bytes are in no sequence',
    test: REFUSED,
  },
  {
    input: 'a configuration file, an endless pipe or a device in its place',
    bound: '1 MB, 2,000 keys, 20,000 values of lists, 100 tags, aliases and levels',
    why: 'tokens are counted before they are parsed',
    test: REFUSED,
  },
  {
    input: 'a sample sheet',
    bound: '64 MiB, a row 1 MiB; 800 MB for a million rows',
    why: 'all rows are checked before anything is computed',
    test: shownBy(MANY, 'memory has a bound for rows of a sheet that names missing files'),
  },
  {
    input: 'many samples',
    bound: '3 kB for each',
    why: 'names and paths; what a sample needs while it is computed goes with it',
    test: shownBy(MANY, 'memory has a bound for samples of a sheet'),
  },
  {
    input: 'many servers',
    bound: '200 kB for each',
    why: 'each has a connection',
    test: shownBy(MANY, 'memory has a bound for servers'),
  },
  {
    input: 'a manifest, tokenizer, settings of a model, record of the home, sidecar of a plan',
    bound: '16 MiB, nested 100 deep',
    why: 'documents of many small values take thirty times as much memory as they have bytes',
    test: REFUSED,
  },
  {
    input: 'a safetensors header, a pickle',
    bound: '100 MB, nested 100 deep; 512 MiB, nested 10,000 deep',
    why: 'sizes are compared with those of the file before anything is allocated',
    test: REFUSED,
  },
  {
    input: 'weights that claim more than they have, or are cut',
    bound: 'none',
    why: 'tensors are read piece by piece, and only where the file has all of them',
    test: REFUSED,
  },
  {
    input: 'a `run.json`, a list of shards',
    bound: '64 MiB; a larger one is damaged',
    why: 'it is read whole',
    test: shownBy(STATE, 'a state that is a hole of 10 GB is damage, and takes no memory: %s'),
  },
  {
    input: 'the record of the files of a run of 100,000 parts',
    bound: '100 bytes for each file that is there',
    why: 'it is read line by line',
    test: shownBy(STATE, 'the record of the files of a hundred thousand parts is read line by line'),
  },
  {
    input: 'a journal of any size, an entry that claims 4 GB',
    bound: '16 MiB until the checksum of an entry is right; 1 GiB an entry',
    why: 'one entry is in memory at a time',
    test: shownBy(
      'test/integration/checkpoint/journal.test.ts',
      'keeps large entries, and drops the remains of one that a hole in the file has made large',
    ),
  },
  {
    input: 'an answer of a server',
    bound: '64 MB, after decompression as well',
    why: 'what is announced as larger is refused before it is read; the largest batch of the largest published model has 21 MB. One that comes byte by byte takes no more',
    test: shownBy(
      'test/e2e/dispatch/lying-servers.test.ts',
      'answers of 700 MB are refused when they are announced',
    ),
  },
  {
    input: 'frames of HTTP/2 without end from a server',
    bound: 'below 256 MB while the call lasts',
    why: 'windows of 4 MB for data; the runtime closes connections that flood it with anything else, or throws it away',
    test: shownBy(
      'packages/tritonclient-ts/test/lying-servers.test.ts',
      'floods end with the call, and take no memory meanwhile',
    ),
  },
  {
    input: 'requests on their way to a server',
    bound: '256 for each model, whatever the server says of its instances',
    why: 'no real server has use for more',
    test: shownBy(
      'test/fuzz/regressions/triton.test.ts',
      'a server that claims two billion instances gets 256 requests at most',
    ),
  },
]
