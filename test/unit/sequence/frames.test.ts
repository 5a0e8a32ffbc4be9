import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { openFrames } from '../../../src/sequence/index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)
const frames = (dna: string, options?: { keepEmpty?: boolean }) =>
  openFrames(bytes(dna), options).map((f) => [f.frame, text(f.nucleotide), text(f.protein)])

describe('open frames', () => {
  test('come in the order F1 to R3 and leave out every frame with a stop', () => {
    // F1 is AUG GCC TAA: a stop. R2 is TAG: a stop.
    expect(frames('ATGGCCTAA')).toEqual([
      ['F2', 'TGGCCTA', 'WP'],
      ['F3', 'GGCCTAA', 'GL'],
      ['R1', 'TTAGGCCAT', 'LGH'],
      ['R3', 'AGGCCAT', 'RP'],
    ])
  })

  test('the nucleotides have one base more than the codons, where the chunk has it', () => {
    const lengths = openFrames(bytes(`${'GCC'.repeat(166)}GC`)).map((f) => f.nucleotide.length)
    expect(lengths).toEqual([499, 499, 498, 499, 499, 498])
  })

  test('lower case is read as upper case and the chunk itself is left alone', () => {
    const chunk = bytes('acgtACGnnacg')
    const found = openFrames(chunk)
    expect(text(chunk)).toBe('acgtACGnnacg')
    expect(found.map((f) => text(f.nucleotide) + text(f.protein))).toEqual(
      openFrames(bytes('ACGTACGNNACG')).map((f) => text(f.nucleotide) + text(f.protein)),
    )
    expect(found.length).toBeGreaterThan(0)
  })

  test('codons with N, IUPAC letters, U or gaps are dropped and shorten the nucleotides', () => {
    expect(frames('GCCNNNGCC')[0]).toEqual(['F1', 'GCCNNNG', 'AA'])
    // U is not T: UAA is no stop here, it is dropped.
    expect(frames('GCCUAAGCC')[0]).toEqual(['F1', 'GCCUAAG', 'AA'])
    expect(frames('GCCRAAGC-GCC')[0]).toEqual(['F1', 'GCCRAAG', 'AA'])
  })

  test('the reverse complement keeps letters other than A, C, G and T as they are', () => {
    expect(frames('AACNRTTT').find(([name]) => name === 'R1')).toEqual(['R1', 'AAAR', 'K'])
    expect(frames('gguuttgg').find(([name]) => name === 'R1')).toEqual(['R1', 'CCAA', 'P'])
  })

  test('tiny chunks', () => {
    expect(frames('GCC').map(([name]) => name)).toEqual(['F1', 'R1'])
    expect(frames('GCCA')).toEqual([
      ['F1', 'GCCA', 'A'],
      ['F2', 'CCA', 'P'],
      ['R1', 'TGGC', 'W'],
      ['R2', 'GGC', 'G'],
    ])
    expect(frames('GC')).toEqual([])
    expect(frames('')).toEqual([])
    expect(frames('NNNNNNNN')).toEqual([])
  })

  test('empty frames are kept on request, with the one base of the original', () => {
    expect(frames('GC', { keepEmpty: true })).toEqual([
      ['F1', 'G', ''],
      ['F2', 'C', ''],
      ['F3', '', ''],
      ['R1', 'G', ''],
      ['R2', 'C', ''],
      ['R3', '', ''],
    ])
    expect(frames('nnnn', { keepEmpty: true }).map(([, nucleotide]) => nucleotide)).toEqual(
      Array(6).fill('N'),
    )
    // A frame with a stop is never kept.
    expect(frames('TAATAATAA', { keepEmpty: true }).map(([name]) => name)).not.toContain('F1')
  })

  test('a stop anywhere closes its frame and only its frame', () => {
    fc.assert(
      fc.property(fc.nat({ max: 400 }), fc.constantFrom('TAA', 'TAG', 'TGA'), (at, stop) => {
        // G repeated has no stop on either strand, and beside G none of the three spells a second one.
        const chunk = `${'G'.repeat(at)}${stop}${'G'.repeat(400 - at)}`
        const names = openFrames(bytes(chunk)).map((f) => f.frame)
        expect(names).toEqual(
          (['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const).filter((name) => name !== `F${(at % 3) + 1}`),
        )
      }),
    )
  })
})
