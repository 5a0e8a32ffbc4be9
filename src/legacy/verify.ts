import { basename, dirname, join } from 'node:path'
import type { FeatureTable } from '../torchfile/index.ts'
import { ageProblem, idProblem, partFastaOf, readPartFasta } from './part-fasta.ts'
import { areEqual, KINDS, type LegacyFile, readLegacyFile, rowsById } from './read.ts'
import { namesOf, oncePerFolder, pathsOf, RESUMED, runsIn, wasResumedByBroad } from './runs.ts'
import { readFolder, scanFolder } from './scan.ts'

/** What `verify` has to say about one file; a fault makes the whole folder fail. */
export interface Finding {
  path: string
  level: 'fault' | 'warning'
  text: string
}

export interface Verification {
  /** Checkpoint files looked at, markers without data included. */
  files: number
  /** How many of them have a fault. */
  faulty: number
}

/**
 * Reads every checkpoint below a folder and checks all there is to check: each byte, ids against the part FASTA
 * beside it, one width for all files of a kind, merged rows against the vectors they are made of, and the logs
 * of Broad's fork for a resume that mixed up ids.
 */
export async function verifyFolder(
  folder: string,
  report: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<Verification> {
  const widths = new Map<string, { dim: number; path: string }>()
  const wasResumed = oncePerFolder(wasResumedByBroad)
  const totals: Verification = { files: 0, faulty: 0 }
  for await (const { file, table } of readFolder(await scanFolder(folder), signal)) {
    totals.files++
    for (const text of file.warnings) report({ path: file.path, level: 'warning', text })
    const isScrambled = file.kind === 'esm' && (await wasResumed(dirname(dirname(file.path))))
    const found =
      table === undefined
        ? [file.problem]
        : [
            ...(await neighbourFaults(file, table, report)),
            widthFault(file, widths),
            isScrambled ? RESUMED : undefined,
          ]
    const faults = found.filter((text) => text !== undefined)
    for (const text of faults) report({ path: file.path, level: 'fault', text })
    if (faults.length > 0) totals.faulty++
  }
  return totals
}

/** All files of one run and model have vectors of one width; batches are those of the protein model. */
function widthFault(
  { kind, ids, dim, path }: LegacyFile,
  widths: Map<string, { dim: number; path: string }>,
): string | undefined {
  if (ids.length === 0 || kind === undefined) return undefined
  const folder = dirname(dirname(path))
  const key = `${kind === 'batch' ? dirname(folder) : folder}\n${KINDS[kind].model}`
  const first = widths.get(key) ?? { dim, path }
  widths.set(key, first)
  return first.dim === dim
    ? undefined
    : `has vectors of ${dim} values, ${first.path} has vectors of ${first.dim}`
}

async function neighbourFaults(
  file: LegacyFile,
  table: FeatureTable,
  report: (finding: Finding) => void,
): Promise<string[]> {
  const { kind, path } = file
  if (kind === 'merged') return await mergedFaults(file, table)
  const faults: string[] = []
  const folder = basename(dirname(path))
  if (kind === 'dnabert' && folder.endsWith('_protein'))
    faults.push('holds nucleotide vectors among the protein parts')
  if (kind === 'esm' && folder.endsWith('_nucleotide'))
    faults.push('holds protein vectors among the nucleotide parts')
  const fasta = await readPartFasta(partFastaOf(path))
  if (fasta === undefined) return faults
  const problem = idProblem(file, fasta)
  if (problem !== undefined) faults.push(problem)
  const age = await ageProblem(file, fasta)
  if (age !== undefined) report({ path, level: 'warning', text: age })
  return faults
}

/** A merged file holds, under each id, the nucleotide vector and the protein vector one after the other. */
export async function mergedFaults(file: LegacyFile, merged: FeatureTable): Promise<string[]> {
  const [dna, esm] = await sourcesOf(file)
  if (dna === undefined || esm === undefined) return []
  if (dna.ids.length !== merged.ids.length)
    return [`has ${merged.ids.length} ids, the nucleotide vectors of its part have ${dna.ids.length}`]
  if (dna.dim + esm.dim !== merged.dim && merged.ids.length > 0)
    return [`has rows of ${merged.dim} values, its parts have ${dna.dim} and ${esm.dim}`]
  const [rowOf, dnaOf, esmOf] = [merged, dna, esm].map(rowsById) as [Rows, Rows, Rows]
  for (const id of merged.ids) {
    const [row, first, second] = [rowOf(id) as Float32Array, dnaOf(id), esmOf(id)]
    if (first === undefined || second === undefined)
      return [`has the id ${id}, which the vectors of its part lack`]
    if (!areEqual(row.subarray(0, dna.dim), first) || !areEqual(row.subarray(dna.dim), second))
      return [`is not made of the vectors of its part (first at ${id}): it is of another run`]
  }
  return []
}

type Rows = ReturnType<typeof rowsById>

/** The whole nucleotide and protein files of a merged file's part, where they are there. */
async function sourcesOf({ path, part, layout }: LegacyFile): Promise<(FeatureTable | undefined)[]> {
  if (part === undefined) return []
  const merged = dirname(path)
  const root = dirname(merged)
  const run = (await runsIn(root)).find(({ mergedFolders }) => mergedFolders.includes(merged))
  const stem = run?.stem ?? basename(merged).replace(/_merged$/, '')
  const { nucleotideFolder, proteinFolder } = pathsOf({ root, stem }, layout)
  const tables: (FeatureTable | undefined)[] = []
  for (const [kind, folder] of [
    ['dnabert', nucleotideFolder],
    ['esm', proteinFolder],
  ] as const) {
    const contents = await Promise.all(
      namesOf(KINDS[kind].file, part).map((name) => readLegacyFile(join(folder, name), layout)),
    )
    tables.push(contents.find(({ file, table }) => file.kind === kind && table !== undefined)?.table)
  }
  return tables
}
