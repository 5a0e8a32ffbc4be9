import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'
import { hasTerminal, openTerminal } from '../../support/terminal.ts'

const folder = temporaryFolder()

/** As typed at a prompt: long enough a run to be looked at, with a message for every batch. */
const command = (output: string, more = '', input = 'in.fa') =>
  `${process.execPath} ${join(repository, 'src/cli/main.ts')} predict ${folder.join(input)} -o ${folder.join(output)} ` +
  `--bundle demo -e 300 --token-budget 512 --threads 1 --metrics-interval 1 ${more}`

const LABELS = ['Reading', 'DNABERT-S', 'ESM-2', 'Finished', 'processor', 'Time left']

beforeAll(async () => {
  await Bun.write(folder.join('in.fa'), randomFasta(3, 2000))
  // More than any machine computes while the test looks.
  await Bun.write(folder.join('long.fa'), randomFasta(3, 12_000))
  await Bun.write(folder.join('few.fa'), randomFasta(3, 200))
})
afterAll(() => folder[Symbol.asyncDispose]())

describe.skipIf(!hasTerminal)('the live view on a terminal', () => {
  test('shows every stage below the messages, survives a resize and tears no message', async () => {
    using terminal = openTerminal(110, 20)
    terminal.type(`${command('wide', '--verbose', 'long.fa')}; echo code $?`, 'Enter')
    // Each has its figures at a moment of its own.
    const figures = [
      /processor .* busy .* seq\/s/,
      /ESM-2 +\[#* *\] +\d+ % +[\d.k]+ seq\/s +[\d.k]+ tokens\/s +\d+ in flight +\d+ queued/,
      /Time left +(about )?[\d:]+ .*saved 0:0\d ago/,
    ]
    await terminal.until((screen) => figures.every((each) => each.test(screen)))
    expect(terminal.cursor().visible).toBe(false)

    for (const [columns, rows] of [
      [44, 20],
      [20, 12],
      [90, 20],
      [60, 5],
      [100, 20],
    ] as const) {
      terminal.resize(columns, rows)
      // Drawn once at least for the new size; a look may still fall between two lines of a drawing.
      await Bun.sleep(400)
      await terminal.until((text) => {
        const screen = text.split('\n')
        // Each of its lines once, none wrapped: what is left of the display before would show as a second one.
        const labels = screen.flatMap((line) => LABELS.find((label) => line.startsWith(label)) ?? [])
        const isWhole = rows < 8 ? labels.includes('Time left') : labels.join() === LABELS.join()
        return isWhole && labels.length < rows && screen.at(-1)?.startsWith('Time left') === true
      })
    }

    terminal.type('C-c')
    await terminal.until((screen) => screen.includes('code 130'))
    // No message was torn: each one stands on a line of its own.
    const messages = terminal.history().filter((line) => line.includes('computed '))
    expect(messages.length).toBeGreaterThan(10)
  }, 60_000)

  test('leaves nothing behind', async () => {
    using terminal = openTerminal(100, 20)
    terminal.type(`${command('whole', '', 'few.fa')}; echo code $?`, 'Enter')
    const last = await terminal.until((screen) => screen.includes('code 0'))
    expect(last).toContain('records')
    expect(LABELS.filter((label) => last.includes(`\n${label} `))).toEqual([])
    expect(terminal.cursor().visible).toBe(true)
  }, 60_000)

  test('Ctrl-C gives the terminal back, once to stop and twice to leave at once', async () => {
    for (const presses of [1, 2]) {
      using terminal = openTerminal(100, 20)
      terminal.type(`${command(`stopped${presses}`)}; echo code $?`, 'Enter')
      await terminal.until((screen) => / seq\/s/.test(screen))
      expect(terminal.cursor().visible).toBe(false)
      for (let press = 0; press < presses; press++) terminal.type('C-c')
      const screen = await terminal.until((text) => text.includes('code 130'))
      expect(terminal.cursor().visible).toBe(true)
      expect(LABELS.filter((label) => screen.includes(`\n${label} `))).toEqual([])
      expect(screen).toContain('SIGINT received')
    }
  }, 60_000)

  test('has colours, none with NO_COLOR, and is not there with --no-progress or --quiet', async () => {
    const run = async (name: string, before: string, after: string, input = 'in.fa') => {
      using terminal = openTerminal(100, 20)
      terminal.type(`${before} ${command(name, after, input)}; echo code $?`, 'Enter')
      let [seen, coloured] = ['', '']
      await terminal.until((screen) => {
        seen += screen
        // A drawing may be under way, and bars are empty at first.
        const now = terminal.coloured()
        if (now.includes(' seq/s') && now.includes('#')) coloured = now
        return screen.includes('code 0') || coloured !== ''
      })
      return { seen, coloured }
    }
    expect((await run('colours', '', '')).coloured).toContain('\x1b[32m#')
    const plain = await run('plain', 'NO_COLOR=1', '')
    expect(plain.coloured).toContain('[#')
    expect(plain.coloured).not.toContain('\x1b[')
    expect((await run('hidden', '', '--no-progress', 'few.fa')).seen).not.toContain('Time left')
    expect((await run('quiet', '', '--quiet', 'few.fa')).seen).not.toMatch(/Time left|models: demo/)
  }, 60_000)
})
