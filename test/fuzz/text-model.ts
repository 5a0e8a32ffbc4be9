/**
 * How a whole text is read, as docs/reference/input.md says it and as simply as that can be written: bytes as Latin-1, lines
 * in a list. Shares nothing with the reader, which sees each byte once and in pieces.
 */

/** A record, or a report of a fault, in the order in which they are found. */
export type Event =
  | { record: string; description: string; sequence: string; line: number }
  | { reason: string; line: number; id: string }

export type Report = Extract<Event, { reason: string }>

/** What `auto` only reports. */
const TOLERATED = new Set([
  'empty_record',
  'header_in_sequence',
  'header_after_blank',
  'unknown_letters',
  'rna',
  'gaps',
  'no_id',
  'byte_order_mark',
  'empty_file',
])

/** What is reported under a policy, and the fault that reading ends with. */
export function reported(
  events: readonly Event[],
  onInvalid: 'auto' | 'skip' | 'fail',
): { reports: Report[]; fault: Report | undefined } {
  const reports = events.filter((event): event is Report => 'reason' in event)
  const end = reports.findIndex(
    ({ reason }) => onInvalid === 'fail' || (onInvalid === 'auto' && !TOLERATED.has(reason)),
  )
  return end < 0 ? { reports, fault: undefined } : { reports: reports.slice(0, end), fault: reports[end] }
}

interface Draft {
  header: string
  line: number
  /** Lines of letters, with their numbers. */
  body: [line: number, text: string][]
  /** Reported already, and left out. */
  refused: boolean
}

const MARK = '\xef\xbb\xbf'
const BINARY =
  /^(CRAM|BCF|\x89PNG|\xff\xd8\xff|GIF8|%PDF-|PK\x03\x04|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|[\s\S]{257}ustar|\x1f\x8b|\x28\xb5\x2f\xfd|\x89HDF\r\n\x1a\n|SQLite format 3\0|\x7fELF|\x43\x27\x41\x1a|\xff\xfe|\xfe\xff)/
const CONTROL = /[\0-\x08\x0e-\x1f\x7f]/
const SPACE = /[\t\n\v\f\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/
const SAM = /^@(HD|SQ|PG|RG|CO)\t/

/** Thrown where the rest is left out. */
class Abandoned extends Error {}

/** What is read from a text, when everything that is invalid is left out. */
export class TextModel {
  readonly events: Event[] = []
  /** Records that are not left out for a fault of the text, whatever their letters are. */
  readonly drafts: { id: string; sequence: string; line: number }[] = []
  readonly #ids: Set<string>
  readonly #lines: string[]

  /** @param ids - that were seen in texts before */
  constructor(text: string, ids = new Set<string>()) {
    this.#ids = ids
    this.#lines = text.split(/\r\n|\r|\n/)
    try {
      if (BINARY.test(text)) this.#abandon(0)
      this.#read(text)
    } catch (error) {
      if (!(error instanceof Abandoned)) throw error
    }
  }

  #report(reason: string, line: number, id = ''): void {
    this.events.push({ reason, line: line + 1, id })
  }

  #abandon(line: number): never {
    this.#report('binary', line)
    throw new Abandoned()
  }

  #read(text: string): void {
    const found = this.#findRecords(text)
    if (found?.kind === '>') this.#fasta(found.at)
    else if (found !== undefined) this.#fastq(found.at)
  }

  /** The first line that begins a record. */
  #findRecords(text: string): { kind: string; at: number } | undefined {
    let skipping = false
    for (const [at, line] of this.#lines.entries()) {
      const start = this.#withoutMarks(line, at)
      if (start.startsWith('>')) return { kind: '>', at }
      if (!skipping && start.startsWith('@') && !SAM.test(start)) return { kind: '@', at }
      const word = /[^\t\v\f ]/.exec(start)?.[0]
      if (word === undefined) continue
      if (!skipping) this.#refuseText(word + text.slice(0, 512), at)
      skipping = true
      if (CONTROL.test(line)) this.#abandon(at)
    }
    if (!skipping) this.#report('empty_file', 0)
    return undefined
  }

  #refuseText(start: string, at: number): void {
    if (CONTROL.test(start)) this.#abandon(at)
    this.#report('text_before_first_record', at)
  }

  /** A line between records without the marks at its start, each of which is reported but in the first line. */
  #withoutMarks(line: string, at: number): string {
    let rest = line
    for (; rest.startsWith(MARK); rest = rest.slice(MARK.length))
      if (at > 0) this.#report('byte_order_mark', at)
    return rest
  }

  #fasta(first: number): void {
    let draft: Draft | undefined
    for (let at = first; at < this.#lines.length; at++) {
      const line = this.#lines[at]!
      // Marks before a header belong to the record before it.
      const marks = /^(?:[\t\v\f ]*\xef\xbb\xbf)*/.exec(line)![0]
      if (line[marks.length] === '>') {
        if (draft !== undefined && marks !== '') draft.body.push([at, marks])
        if (draft !== undefined) this.#accept(draft)
        draft = this.#draft(line.slice(marks.length + 1), at)
      } else if (draft !== undefined) this.#addLine(draft, at, line)
    }
    if (draft !== undefined) this.#accept(draft)
  }

  #draft(header: string, at: number): Draft {
    if (header.includes('\0')) this.#abandon(at)
    const refused = decoded(header) === undefined
    if (refused) this.#report('invalid_utf8', at, wordOf(Buffer.from(header, 'latin1').toString()))
    return { header, line: at, body: [], refused }
  }

  #addLine(draft: Draft, at: number, line: string): void {
    const control = CONTROL.exec(line)?.index
    const before = line.slice(0, control).replaceAll(MARK, '')
    if (/[\x80-\xff]/.test(before) && !draft.refused) {
      this.#report('non_ascii', at, wordOf(decoded(draft.header) ?? ''))
      draft.refused = true
    }
    if (control !== undefined) this.#abandon(at)
    draft.body.push([at, line])
  }

  #accept({ header, line, body, refused }: Draft): void {
    if (refused) return
    const text = decoded(header) ?? ''
    const id = wordOf(text)
    const description = trimmed(text.slice(text.indexOf(id) + id.length))
    const seen = lettersIn(body)
    this.drafts.push({ id, sequence: seen.sequence, line: line + 1 })
    const letters = seen.sequence.replaceAll(/[-.*]/g, '').length
    const isProtein = seen.aminoAcids >= 2 && seen.aminoAcids * (seen.aminoAcids === 2 ? 5 : 20) >= letters
    let fault = seen.sequence === '' ? 'empty_record' : undefined
    if (isProtein) fault ??= 'protein'
    if (this.#ids.has(id)) fault ??= 'duplicate_id'
    if (fault !== undefined) {
      this.#report(fault, line, id)
      return
    }
    this.#ids.add(id)
    if (id === '') this.#report('no_id', line)
    for (const [reason, at] of seen.odd) this.#report(reason, at, id)
    this.events.push({ record: id, description, sequence: seen.sequence, line: line + 1 })
  }

  #fastq(first: number): void {
    let at = first
    while (at < this.#lines.length) {
      const line = this.#withoutMarks(this.#lines[at]!, at)
      if (line.startsWith('@')) {
        at = this.#fastqRecord(line.slice(1), at)
        continue
      }
      const isText = visible(line.split(/[\0-\x08]/)[0]!) > 0
      if (isText) this.#report('malformed_fastq', at)
      this.#checkLine(line, at)
      at = isText ? this.#resync(at + 1) : at + 1
    }
  }

  #checkLine(line: string, at: number): void {
    if (/[\0-\x08]/.test(line)) this.#abandon(at)
  }

  /** @returns index of the next line that starts a record, or of the end */
  #resync(from: number): number {
    for (let at = from; at < this.#lines.length; at++) {
      if (this.#lines[at]!.startsWith('@')) return at
      this.#checkLine(this.#lines[at]!, at)
    }
    return this.#lines.length
  }

  /** @returns index of the line after the record */
  #fastqRecord(header: string, start: number): number {
    const draft = this.#draft(header, start)
    const malformed = (next: number) => {
      if (!draft.refused) this.#report('malformed_fastq', start, wordOf(decoded(header) ?? ''))
      return next
    }
    let at = start + 1
    for (; at < this.#lines.length && !this.#lines[at]!.startsWith('+'); at++) {
      if (this.#lines[at]!.startsWith('@')) return malformed(at)
      this.#addLine(draft, at, this.#lines[at]!)
    }
    if (at >= this.#lines.length) return malformed(at)
    this.#checkLine(this.#lines[at]!, at)
    const wanted = lettersIn(draft.body).sequence.length
    const plus = at++
    if (wanted === 0) {
      this.#accept(draft)
      return at
    }
    for (let quality = 0; at < this.#lines.length; at++) {
      const line = this.#lines[at]!
      // Quality, or the next record where the quality was cut off?
      const mayBeHeader = line.startsWith('@') && at === plus + 2 && draft.body.length === 1
      if (mayBeHeader && !this.#isQuality(at, wanted - quality)) return malformed(at)
      this.#checkLine(line, at)
      quality += visible(line)
      if (quality > wanted) return this.#resync(malformed(at + 1))
      if (quality < wanted) continue
      this.#accept(draft)
      return at + 1
    }
    return malformed(at)
  }

  /** Whether lines from here on are as long as what is missing of the quality, and a record or the end follows. */
  #isQuality(from: number, missing: number): boolean {
    let at = from
    for (let left = missing; left > 0; at++) {
      const line = this.#lines[at]
      left -= visible(line ?? '')
      if (line === undefined || left < 0 || /[\0-\x08]/.test(line)) return false
    }
    for (const line of this.#lines.slice(at)) {
      const first = /^(?:\xef\xbb\xbf)*[\t-\x20]*([\s\S]?)/.exec(line)?.[1] ?? ''
      if (first !== '') return /^(\xef\xbb\xbf)*@|[\0-\x08]/.test(first === '@' ? line : first)
    }
    return true
  }
}

function visible(line: string): number {
  return line.replaceAll(/[\0- ]/g, '').length
}

function decoded(header: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(header, 'latin1'))
  } catch {
    return undefined
  }
}

/** The first word as Python's `str.split()` has it. */
function wordOf(text: string): string {
  return text.split(SPACE).find((word) => word !== '') ?? ''
}

function trimmed(text: string): string {
  const characters = [...text]
  while (characters.length > 0 && SPACE.test(characters[0]!)) characters.shift()
  while (characters.length > 0 && SPACE.test(characters.at(-1)!)) characters.pop()
  return characters.join('')
}

/** Letters of a record, and the first line of each thing that is unusual. */
function lettersIn(body: Draft['body']): { sequence: string; aminoAcids: number; odd: [string, number][] } {
  const odd: Record<string, number> = {}
  const note = (reason: string, at: number) => {
    odd[reason] ??= at
  }
  let sequence = ''
  let aminoAcids = 0
  for (const [at, text] of body) {
    if (text.includes(MARK)) note('byte_order_mark', at)
    // What is no ASCII is reported by itself.
    const line = text.replaceAll(/[\t\v\f \x80-\xff]/g, '')
    const [own = '', ...inner] = line.split('>')
    if (inner.length > 0) note(own === '' ? 'header_after_blank' : 'header_in_sequence', at)
    if (/[^-.*ACGTURYSWKMBDHVN]/i.test(own)) note('unknown_letters', at)
    if (/U/i.test(own)) note('rna', at)
    if (/[-.*]/.test(line)) note('gaps', at)
    aminoAcids += own.replaceAll(/[^EFIJLOPQZ]/gi, '').length
    sequence += line
  }
  const order = [
    'header_in_sequence',
    'header_after_blank',
    'unknown_letters',
    'rna',
    'gaps',
    'byte_order_mark',
  ]
  return {
    sequence,
    aminoAcids,
    odd: order.flatMap((reason) =>
      odd[reason] === undefined ? [] : [[reason, odd[reason]] as [string, number]],
    ),
  }
}
