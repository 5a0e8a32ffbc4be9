import { basename } from 'node:path'
import { descriptorOf } from '../system/same-file.ts'
import type { LayoutName } from './catalogue.ts'

const COMPRESSION = /\.(gz|bgz|bgzf|zst)$/i
/** Of what can be an input; the name before it is not empty. */
const SEQUENCES = /(?<=.)\.(fna|ffn|fa|fas|fasta|fq|fastq|bam|ubam)$/i

/** Path of an input without the ending of its compression. Standard input and open descriptors have no name of their own. */
export function withoutCompression(input: string): string {
  return descriptorOf(input) === undefined ? input.replace(COMPRESSION, '') : 'stdin'
}

/**
 * How the names of a run begin: the name of its first input without the endings of sequence files. Another ending is a part of
 * the name; in Broad's layout it is none, whatever it is.
 */
export function stemOf(input: string, layout: LayoutName): string {
  const name = basename(withoutCompression(input))
  return layout === 'broad' ? pythonStem(name) : name.replace(SEQUENCES, '')
}

/** The same for the folder of a run that has none of its own: whatever the ending, it is cut. */
export function folderStemOf(input: string): string {
  return stemOf(input, 'broad')
}

/** How names began when every command cut them as the original does. */
export function formerStemOf(input: string, layout: LayoutName): string {
  return layout === 'broad' ? stemOf(input, layout) : cutAsOriginal(basename(withoutCompression(input)))
}

/** The original cuts a path at its first `.fa`, wherever that is. */
export function cutAsOriginal(path: string): string {
  return path.split('.fa', 1)[0] as string
}

/** Python's `Path(name).stem`: the name without its last suffix; a leading dot starts no suffix. */
function pythonStem(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > 0 && dot < name.length - 1 ? name.slice(0, dot) : name
}
