import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './cli.ts'

/** Lines that the documentation shows and a test machine cannot run as they are, and why. Each must be used. */
export const STAND_INS: readonly (readonly [line: RegExp, reason: string])[] = [
  [/^virnucpro setup\b/, 'asks at a terminal or loads 13 GB of weights; test/e2e/setup runs it'],
  [/^virnucpro models pull\b/, 'loads 13 GB of weights; test/e2e/pull runs it with a mirror'],
  [/^virnucpro models remove\b/, 'asks at a terminal; test/e2e/home runs it'],
  [/^virnucpro .*--(triton|gpus)\b/, 'needs the servers or GPUs that it names'],
  [/^virnucpro .*--keep-server\b/, 'starts a server on a GPU; test/e2e/serve runs it on stand-ins'],
  [/^virnucpro serve\b/, 'serves until it is stopped; test/e2e/serve runs it'],
  [
    /^virnucpro (engines build|repository build .*--plans)\b/,
    'needs a GPU; test/e2e/engines runs it on stand-ins',
  ],
  [
    /^virnucpro models import .*--(precision (bf16|fp16|fp8)|attention)\b/,
    'is calibrated, or is for GPUs; test/integration/import runs it',
  ],
  [/^virnucpro predict .*--bundle bundle-500-/, 'its bundle is made by a line above that is not run'],
  [/^virnucpro-[\d.]+-linux-x64\/bin\/|^tar -xzf virnucpro/, 'an archive is built by test/e2e/package'],
  [/^export VIRNUCPRO_HOME=/, 'names a folder of that cluster'],
  [/^scripts\//, 'is what the tests themselves are run by'],
  [/^(npm (install|pack)|mkdir app|cd \.\. )/, 'installs packages; test/e2e/package does'],
  [/^(pip install|python3 -m pip)\b/, 'loads gigabytes'],
  [/^(docker|podman|apptainer)\b/, 'needs a container engine'],
  [/^kubectl\b/, 'needs a cluster; test/e2e/deploy checks the manifests'],
  [/^(snakemake|nextflow|miniwdl)\b/, 'test/e2e/workflows runs it'],
  [/^(checkv|genomad|blastn)\b|\bseqkit\b|^duckdb\b|\bsamtools\b/, 'a program of somebody else'],
  [/--resume --layout broad\b/, "is for a run of Broad's fork; test/e2e/predict runs it"],
  [/^diff .*old-run/, 'compares with calls of the published models'],
  [/^curl\b/, 'asks a server; test/e2e/repository does'],
]

/** Commands that may end otherwise than with 0 on a sound machine. */
export const OTHER_ENDS: readonly (readonly [line: RegExp, code: number])[] = [
  [/^virnucpro doctor\b/, 1],
  [/^virnucpro checkpoints verify\b/, 1],
]

/** Words that stand for what is another on each machine. */
export const REPLACED: readonly (readonly [word: RegExp, by: string])[] = [
  [/\ba1b2\b/g, '$BUNDLE_ID'],
  [/\$\(npm root --global\)/g, '$PACKAGES'],
]

/** Pages whose blocks go on from one another; those of other pages stand for themselves. */
export const IN_ONE_GO = /^docs\/(tutorials\/|reference\/models\.md$)/

/** A fenced block of shell commands. */
export interface Block {
  readonly page: string
  /** Line of the page that it begins at, from 1. */
  readonly line: number
  /** Its commands, each on one line, but for documents that they contain. */
  readonly commands: readonly string[]
}

export function shellBlocks(page: string): Block[] {
  const text = readFileSync(join(repository, page), 'utf8')
  return [...text.matchAll(/^( *)```(?:sh|bash)\n([\s\S]*?)^ *```$/gm)].map((found) => {
    const [, indent = '', content = ''] = found
    const lines = content
      .split('\n')
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    return { page, line: text.slice(0, found.index).split('\n').length, commands: joined(lines) }
  })
}

/** Lines that go on below are made one; so are those of a document, a loop and a group. */
function joined(lines: readonly string[]): string[] {
  const commands: string[] = []
  let open: string | undefined
  let goesOn = false
  for (const line of lines) {
    const last = commands.length - 1
    if (open !== undefined) {
      commands[last] += `\n${line}`
      if (line === open) open = undefined
    } else if (goesOn) commands[last] += ` ${line.replace(/\\$/, '').trim()}`
    else if (line.trim() !== '' && !line.trimStart().startsWith('#'))
      commands.push(line.replace(/\\$/, '').trimEnd())
    else continue
    goesOn = open === undefined && line.endsWith('\\')
    open ??= /<<'?(\w+)/.exec(line)?.[1] ?? (/^for .*; do$/.test(line) ? 'done' : undefined)
  }
  return commands
}
