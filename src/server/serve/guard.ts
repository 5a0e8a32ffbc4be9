import { type ChildProcess, spawn } from 'node:child_process'
import { processStart } from '../../system/processes.ts'
import { SHARED_MEMORY } from './regions.ts'

/** Seconds that a server gets to end its requests when the program that started it has been killed. */
const GRACE = 6
/** A guard that was killed is replaced after this long, and no more often than this. */
const REPLACE_MS = 250
const MOST_REPLACED = 20

/**
 * What the guard runs; words: process id of the server, its start, what its regions are called, seconds of grace.
 *
 * Only `kill -s NAME -- -PGID` is understood by every shell: dash does not accept `--` after `-KILL`. The number of a server
 * that has ended may be another program's by now: a group is killed only while its leader is the server, or gone, as a
 * number is not given to anybody else while a group bears it.
 */
const SCRIPT = `
pid=$1 began=$2 prefix=$3 grace=$4
leader() {
  state=gone
  if [ "$began" = - ]; then
    kill -s 0 "$pid" 2> /dev/null && state=alive
    return
  fi
  line=
  { IFS= read -r line < "/proc/$pid/stat"; } 2> /dev/null
  [ -n "$line" ] || return
  set -- \${line##*) }
  state=$1
  [ "\${20}" = "$began" ] || state=stranger
}
read -r _
leader
case $state in gone | Z | stranger) ;; *) kill -s TERM "$pid" ;; esac
while [ "$grace" -gt 0 ]; do
  leader
  case $state in gone | Z | stranger) break ;; esac
  sleep 1
  grace=$((grace - 1))
done
leader
[ "$state" = stranger ] || kill -s KILL -- "-$pid"
[ "$prefix" = - ] && exit
rm -f "${SHARED_MEMORY}/$prefix"*
sleep 1
rm -f "${SHARED_MEMORY}/$prefix"*
`

/**
 * A shell that waits for this process to be gone, however it ends, and then ends the server's group: who is killed
 * outright cannot tidy up, and a server left behind would keep the GPU's memory. Its standard input closes when this
 * process ends. Killed itself, it is replaced.
 */
export class Guard {
  readonly #words: readonly string[]
  #shell: ChildProcess
  #gone: Promise<unknown> = Promise.resolve()
  #dismissed = false
  #replaced = 0

  /** @param pid leader of the group */
  constructor(pid: number, regionPrefix: string | undefined) {
    this.#words = [String(pid), processStart(pid) ?? '-', regionPrefix ?? '-', String(GRACE)]
    this.#shell = this.#start()
  }

  /** Ends the guard; its server is not touched. Synchronous, so that it works while exiting. */
  dismiss(): void {
    this.#dismissed = true
    this.#shell.kill('SIGKILL')
  }

  /** Resolves when a dismissed guard has ended. */
  get gone(): Promise<unknown> {
    return this.#gone
  }

  #start(): ChildProcess {
    const shell = spawn('sh', ['-c', SCRIPT, 'virnucpro-guard', ...this.#words], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    // On a machine without a shell there is an error, and no guard.
    this.#gone = new Promise((settle) => shell.once('exit', settle).once('error', settle))
    shell.once('exit', () => setTimeout(() => this.#replace(), REPLACE_MS).unref())
    shell.unref()
    ;(shell.stdin as (NodeJS.WritableStream & { unref?(): void }) | null)?.unref?.()
    return shell
  }

  #replace(): void {
    if (!this.#dismissed && ++this.#replaced <= MOST_REPLACED) this.#shell = this.#start()
  }
}
