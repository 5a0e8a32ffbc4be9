import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { isInstalled } from './installed.ts'

/** A real terminal without a screen, made by scripts/test-terminal.sh. */
const tmux = resolve(import.meta.dir, '../../.cache/terminal/tmux')

/** True where it is present. */
export const hasTerminal = isInstalled(tmux, 'scripts/test-terminal.sh')

export interface Terminal extends Disposable {
  /** What is on the screen, line by line, without spaces at the ends and empty lines below. */
  screen(): string[]
  /** The same with the escape codes of colours. */
  coloured(): string
  /** All lines that have ever been on it. */
  history(): string[]
  type(...keys: string[]): void
  resize(columns: number, rows: number): void
  /** Whether the cursor can be seen, and its line from 0. */
  cursor(): { visible: boolean; line: number }
  /** Waits until the screen is as wanted. @throws with the screen when it is not within 20 or so many seconds */
  until(wanted: (screen: string) => boolean, seconds?: number): Promise<string>
}

/** Opens a terminal with a shell in it. */
export function openTerminal(columns: number, rows: number): Terminal {
  const socket = `virnucpro-test-${process.pid}-${crypto.randomUUID().slice(0, 8)}`
  const run = (...words: string[]) =>
    execFileSync(tmux, ['-L', socket, '-f', '/dev/null', ...words], {
      encoding: 'utf8',
      env: { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8' },
    })
  const size = ['-x', String(columns), '-y', String(rows)]
  run('new-session', '-d', ...size, 'env -u NO_COLOR -u CI PS1="ready> " sh')
  const lines = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd())
  const screen = () => lines(run('capture-pane', '-p'))
  return {
    screen,
    coloured: () => run('capture-pane', '-p', '-e'),
    history: () => lines(run('capture-pane', '-p', '-S', '-')),
    type: (...keys) => void run('send-keys', ...keys),
    resize: (x, y) => void run('resize-window', '-x', String(x), '-y', String(y)),
    cursor() {
      const [flag, line] = run('display-message', '-p', '#{cursor_flag} #{cursor_y}').trim().split(' ')
      return { visible: flag === '1', line: Number(line) }
    },
    async until(wanted, seconds = 20) {
      const end = Date.now() + 1000 * seconds
      for (;;) {
        const now = screen().join('\n')
        if (wanted(now)) return now
        if (Date.now() > end) throw new Error(`not on the screen within ${seconds} s:\n${now}`)
        await Bun.sleep(50)
      }
    },
    [Symbol.dispose]: () => {
      run('kill-server')
    },
  }
}
