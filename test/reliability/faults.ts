/**
 * What goes wrong around a run, what the user sees then, and which test shows it.
 * `scripts/reliability.ts` makes the tables of docs/reference/reliability.md from this file.
 */
import { type Evidence, shownBy } from './evidence.ts'

export interface Fault {
  /** What happens, such as `SIGKILL in mid-run`. */
  readonly fault: string
  /** What the user sees: message, exit code. */
  readonly seen: string
  /** What has to be computed again. Nothing else is ever lost. */
  readonly lost: string
  readonly test: Evidence
}

export interface FaultGroup {
  readonly title: string
  readonly faults: readonly Fault[]
}

const SIGNALS = 'test/e2e/faults/signals.test.ts'
const BATCHES = 'batches that were being computed'

// Rows of a group are added by its own commits: one line between groups keeps them apart.
const PROCESSES: readonly Fault[] = [
  {
    fault: 'SIGKILL at any moment',
    seen: 'the command ends; the same command continues',
    lost: 'batches that were being computed',
    test: shownBy(
      'test/e2e/predict/resume-kill.test.ts',
      'a run stopped by $signal at a random moment (intermediates kept: $keep) ends as if it never was',
    ),
  },
  {
    fault: 'SIGINT (Ctrl-C), SIGTERM or SIGHUP at any moment, to the process or to its group',
    seen: '`stopped by` and the signal; 130, 143 or 129',
    lost: BATCHES,
    test: shownBy(
      SIGNALS,
      'a run that every signal has ended once, at random moments, goes on to the same bytes',
    ),
  },
  {
    fault: 'SIGQUIT, SIGABRT, SIGUSR1, SIGXCPU, as some batch systems send them',
    seen: 'the command ends as with SIGKILL',
    lost: BATCHES,
    test: shownBy(
      SIGNALS,
      'a run that every signal has ended once, at random moments, goes on to the same bytes',
    ),
  },
  {
    fault: 'SIGINT twice',
    seen: 'the command ends at once; 130',
    lost: BATCHES,
    test: shownBy(SIGNALS, 'a second Ctrl-C ends a run at once, and nothing is lost'),
  },
  {
    fault: 'a signal while a large model is loaded, or while work does not stop when asked',
    seen: 'the command ends at once, or after 4 s; 130, 143 or 129',
    lost: BATCHES,
    test: shownBy('test/e2e/cli/signals.test.ts', 'work that does not settle is given up within 5 s'),
  },
  {
    fault: 'SIGHUP under `nohup`',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/cli/signals.test.ts',
      'SIGHUP does the same and exits 129, unless the program was started to outlive its terminal',
    ),
  },
  {
    fault: 'SIGPIPE, SIGWINCH, SIGSTOP and SIGCONT',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(
      SIGNALS,
      'a run that every signal has ended once, at random moments, goes on to the same bytes',
    ),
  },
  {
    fault: 'SIGSTOP for longer than `--server-timeout`, then SIGCONT',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/dispatch/triton.test.ts',
      'goes on after it has stood still itself, for longer than it waits for servers',
    ),
  },
  {
    fault: 'a run stands still until another machine takes its lock, then wakes',
    seen: 'that the lock was taken by another run; 75',
    lost: 'nothing: the other run has the results',
    test: shownBy(SIGNALS, 'a run that stood still while another took its lock stops, and harms nothing'),
  },
  {
    fault: 'two commands for one run at a time',
    seen: 'who writes there, and since when; 75',
    lost: 'nothing',
    test: shownBy(SIGNALS, 'a run that stood still while another took its lock stops, and harms nothing'),
  },
  {
    fault: 'the parent of a run is killed',
    seen: 'nothing: the run goes on to its end',
    lost: 'nothing',
    test: shownBy(SIGNALS, 'a run whose parent is killed goes on to its end'),
  },
  {
    fault: 'SIGKILL of a run that has a server of its own',
    seen: 'the command ends, and its server and shared memory with it',
    lost: BATCHES,
    test: shownBy('test/e2e/predict/auto-backend.test.ts', 'SIGKILL of the run takes its server with it'),
  },
  {
    fault: 'SIGKILL of `serve` and its server, or of all that watches it',
    seen: 'no process stays; what is left of shared memory goes with the next server',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/serve/left-behind.test.ts',
      'after SIGKILL of everything at once, the next server removes the shared memory',
    ),
  },
  {
    fault: 'SIGKILL of `embed`',
    seen: 'the command ends; the same command continues',
    lost: BATCHES,
    test: shownBy(
      'test/e2e/embed/resume.test.ts',
      'a run that is killed again and again goes on, and ends with the same bytes',
    ),
  },
  {
    fault: 'SIGKILL of several samples in one run',
    seen: 'the command ends; the same command continues',
    lost: BATCHES,
    test: shownBy(
      'test/e2e/predict/samples.test.ts',
      'goes on to the bytes of one that was not, and computes no finished sample again',
    ),
  },
  {
    fault: 'SIGKILL of `setup`',
    seen: 'the command ends; the same command goes on with the steps that are not done',
    lost: 'the step that was under way',
    test: shownBy(
      'test/e2e/setup/interrupted.test.ts',
      `\${KILLS} times, at whatever moment, ends with what one that was not has made`,
    ),
  },
  {
    fault: 'SIGKILL of `models import` or `models remove`',
    seen: 'the command ends; there is a whole bundle or none',
    lost: 'the bundle that was being made',
    test: shownBy(
      'test/e2e/home/import.test.ts',
      'imports, removals and killed imports at once leave a whole bundle or none',
    ),
  },
]

const LIMITS = 'test/e2e/faults/limits.test.ts'
const PLACES = 'test/e2e/faults/places.test.ts'

const SYSTEM: readonly Fault[] = [
  {
    fault: 'too few open files (`ulimit -n`)',
    seen: 'the limit and how to raise it; 75',
    lost: BATCHES,
    test: shownBy(
      LIMITS,
      'with too few files open a run says so, wherever it comes to the limit, and goes on with more',
    ),
  },
  {
    fault: 'too few processes and threads (`ulimit -u`)',
    seen: 'the limit and how to raise it; 75, or 134 where Bun itself does not start',
    lost: BATCHES,
    test: shownBy(LIMITS, 'with too few processes a run says so, and does not blame its models'),
  },
  {
    fault: 'too little memory (`ulimit -v`)',
    seen: 'that there is no memory left; 75, or 134 where Bun itself has none',
    lost: BATCHES,
    test: shownBy(
      LIMITS,
      'with too little memory a run stops in words or is ended by the system, and goes on with more',
    ),
  },
  {
    fault: 'the kernel kills a run that is out of memory (SIGKILL)',
    seen: 'the command ends, 137 in a shell; the same command continues',
    lost: BATCHES,
    test: shownBy(
      'test/e2e/predict/resume-kill.test.ts',
      'a run stopped by $signal at a random moment (intermediates kept: $keep) ends as if it never was',
    ),
  },
  {
    fault: 'the kernel kills the process of a model on a server',
    seen: 'a warning; the model is loaded again',
    lost: 'nothing',
    test: shownBy('test/e2e/dispatch/triton.test.ts', 'survives a model whose process dies'),
  },
  {
    fault: 'a batch does not fit memory',
    seen: 'once, that batches are computed in pieces',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/dispatch/memory.test.ts',
      'computes batches in pieces, says so once, and gives every row its own embedding',
    ),
  },
  {
    fault: 'a machine that hides the processes of other users (`hidepid`), with a home that they share',
    seen: 'nothing: files that another user is still writing are not taken for leftovers',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/faults/hidden-processes.test.ts',
      'a process of another user that /proc hides does not count as ended',
    ),
  },
  {
    fault:
      'the clock jumps by centuries, on or back, in mid-run and between a kill and the next start; files are of the future or of 1938',
    seen: 'nothing; times in the report are those of the clock, durations are true',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/faults/clock.test.ts',
      'the clock may jump by centuries while a run goes on, is killed and goes on again',
    ),
  },
  {
    fault: 'the clock is set while a run waits for servers',
    seen: 'nothing: it waits for as long as `--server-timeout` says',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/faults/clock.test.ts',
      'who waits for a server waits neither for years nor too short when the clock is set',
    ),
  },
  {
    fault: 'standard input, output and messages are closed, on a full disk, or without a reader',
    seen: 'nothing: the run does its work; 0',
    lost: 'messages',
    test: shownBy('test/e2e/faults/streams.test.ts', 'a run with %s does its work'),
  },
  {
    fault: 'nobody reads the messages for long',
    seen: 'nothing: the work goes on',
    lost: 'nothing',
    test: shownBy('test/e2e/faults/streams.test.ts', 'messages that nobody reads for long hold up no work'),
  },
  {
    fault: 'the reader of the results ends (`… | head`)',
    seen: 'nothing: the command does all of its work',
    lost: 'nothing',
    test: shownBy('test/e2e/faults/streams.test.ts', 'a command whose reader has gone does all of its work'),
  },
  {
    fault: 'results of a command that prints them cannot be written (`> /dev/full`)',
    seen: 'that the disk is full; 74',
    lost: 'nothing',
    test: shownBy('test/e2e/cli/standard-streams.test.ts', 'results that cannot be written are an error'),
  },
  {
    fault:
      'odd locales and time zones, `HOME` and `TMPDIR` that are missing, relative or files; names with blanks, quotes, line ends, emoji, %, *, escapes, a leading dash',
    seen: 'nothing; escapes are shown as text',
    lost: 'nothing',
    test: shownBy(
      PLACES,
      'locales, time zones, homes and names that nobody expects change no byte of the results',
    ),
  },
  {
    fault: 'paths of nearly 4,000 bytes',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(PLACES, 'a path of nearly 4,000 bytes is a path like any other'),
  },
  {
    fault: 'names that are too long',
    seen: 'the name, before anything is computed; 64 or 73',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/cli/names.test.ts',
      'a name that is too long is said before anything is computed',
    ),
  },
  {
    fault: 'names that are not valid UTF-8',
    seen: 'the name; 64',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/cli/names.test.ts',
      'names that are not valid UTF-8 are refused, and nothing is made',
    ),
  },
  {
    fault:
      'the output folder is renamed or removed in mid-run, another takes its place, or the current folder is renamed',
    seen: 'that it has vanished; 74 or 75',
    lost: 'what was removed; else batches that were being computed',
    test: shownBy(PLACES, '%s in mid-run: it stops in words, and goes on once all is back'),
  },
  {
    fault: 'the folder for temporary files, or the home, is removed in mid-run',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(
      PLACES,
      'the folders for temporary files and of the home are removed in mid-run: no matter',
    ),
  },
  {
    fault: 'the current folder is gone when a command starts',
    seen: 'that it was removed; 66',
    lost: 'nothing',
    test: shownBy('test/e2e/cli/standard-streams.test.ts', 'a current folder that is gone is said in words'),
  },
  {
    fault: 'an input is replaced, cut, appended to or emptied in mid-run',
    seen: 'what has changed; 65',
    lost: 'nothing: with the old content back, the run goes on',
    test: shownBy(
      'test/e2e/predict/changed-input.test.ts',
      'an input that is %s while the run is under way ends it',
    ),
  },
  {
    fault: 'an input is touched, or removed once it has been read',
    seen: 'nothing',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/predict/changed-input.test.ts',
      'an input that was only touched, or is gone once it has been read, stands in the way of nothing',
    ),
  },
]

const FULL = 'test/e2e/faults/full-disk.test.ts'
const FAILING = 'test/e2e/faults/failing-disk.test.ts'
const DISK = 'test/e2e/predict/resume-disk.test.ts'
const KEPT = 'batches that were being computed'

const STORAGE: readonly Fault[] = [
  {
    fault: 'the disk of the output fills up during predict, at any size',
    seen: 'the file that could not be written, and that the disk is full; 74',
    lost: KEPT,
    test: shownBy(
      DISK,
      'a full disk stops the run with the reason; with more space it goes on and ends the same',
    ),
  },
  {
    fault:
      'the disk of the output or of the home has no room or no inodes left: predict, embed, shard, merge, models import, setup, models pull',
    seen: 'that the disk is full, or how much is missing; 74',
    lost: KEPT,
    test: shownBy(FULL, 'ends $name with the reason; with more room the same command ends right'),
  },
  {
    fault: 'the disk is full when several samples begin',
    seen: 'that the disk is full; 74',
    lost: KEPT,
    test: shownBy(FULL, 'from the first file of several samples on keeps nobody from going on'),
  },
  {
    fault: 'no room when the report of a run is made again',
    seen: 'that the disk is full; 74',
    lost: 'nothing: the old report stays',
    test: shownBy(FULL, 'leaves the report as it was'),
  },
  {
    fault: 'no room for the log, in `TMPDIR` or in the home while `predict` computes',
    seen: 'a warning that the work goes on without the log; 0',
    lost: 'lines of the log',
    test: shownBy(FULL, 'of temporary files, of the home and of the log does not end a run'),
  },
  {
    fault: 'a file reaches the largest size that is allowed (`ulimit -f`)',
    seen: 'the file and the limit; 74',
    lost: KEPT,
    test: shownBy(DISK, 'a limit on the size of files stops the run with the reason, and nothing is lost'),
  },
  {
    fault: 'no room for a download',
    seen: 'the file that could not be written; 74',
    lost: 'nothing: the next call goes on with what has come',
    test: shownBy(
      'test/e2e/pull/faults.test.ts',
      'a file that cannot grow is one error, and the next call goes on',
    ),
  },
  {
    fault: 'the disk of the output is read-only',
    seen: 'that the file system is read-only, before anything is computed; 73',
    lost: 'nothing',
    test: shownBy(FULL, 'or read-only is said at once by every command, and none begins'),
  },
  {
    fault: 'home, bundle, `TMPDIR` or input is read-only',
    seen: 'nothing; what would change the home is refused in words',
    lost: 'nothing',
    test: shownBy(
      'test/e2e/home/read-only.test.ts',
      'a home that somebody else keeps is computed with; caches and locks are the own ones',
    ),
  },
  {
    fault: 'the disk becomes read-only in mid-run (`EROFS`), or the input cannot be read (`EIO`)',
    seen: 'the file, and what the file system says; 73, for the input 74',
    lost: KEPT,
    test: shownBy(FAILING, 'for good in mid-run, or to read the input, is one error as well'),
  },
  {
    fault: 'one call fails with `EIO`, `EDQUOT` or `ESTALE`: writing, syncing, linking, removing',
    seen: 'the file, and what the file system says; 74',
    lost: KEPT,
    test: shownBy(
      FAILING,
      'stops a run with the reason, one failure after the other; the same command ends it right',
    ),
  },
  {
    fault: 'nothing can be removed any more, or the files of the program itself cannot be read',
    seen: 'the first failure; 74',
    lost: KEPT,
    test: shownBy(FAILING, 'and lets nothing be removed: the first failure is the one that is said'),
  },
  {
    fault: 'a slow disk: syncs that take seconds, as over a network',
    seen: 'nothing; the run takes its time',
    lost: 'nothing',
    test: shownBy(
      FAILING,
      'or is slow, as one on a network: a run takes its time, and no server or GPU is said to be at fault',
    ),
  },
  {
    fault: 'the output folder is moved away in mid-run, or its disk unmounted',
    seen: 'that the folder has vanished',
    lost: KEPT,
    test: shownBy(DISK, 'an output folder that vanishes stops the run, which goes on once it is back'),
  },
  {
    fault: 'something else takes the name of a file of the run in mid-run',
    seen: 'the name; 64. It is not touched',
    lost: KEPT,
    test: shownBy(
      DISK,
      'wherever something takes a name of the run meanwhile, it stops and says where, harms nothing and can go on',
    ),
  },
  {
    fault: 'files of an unfinished run have lost or changed bytes',
    seen: 'a warning with the name of each; 0',
    lost: 'what the damaged file held is computed again',
    test: shownBy(
      'test/e2e/predict/resume-faults.test.ts',
      'a file with one changed or missing byte anywhere is named and made again',
    ),
  },
]

const WIRE = 'test/e2e/faults/network.test.ts'
const PULL = 'test/e2e/pull/faults.test.ts'

const NETWORK: readonly Fault[] = [
  {
    fault:
      'between client and server: packets lost, doubled, late, overtaken; 1 Mbit/s; connections reset; cut for a while, in one direction as well',
    seen: 'a warning that the server cannot be used now, where it lasts; 0',
    lost: 'nothing: batches are sent again',
    test: shownBy(
      WIRE,
      'a network may do anything for a while: the run goes on, and gives what an undisturbed one gives',
    ),
  },
  {
    fault: 'cut for longer than `--server-timeout`, or large packets vanish (MTU)',
    seen: 'that no server has finished a batch for so long; 75, before the run has begun 69',
    lost: KEPT,
    test: shownBy(
      WIRE,
      'what lasts longer than --server-timeout ends the run in words, and the same command continues it',
    ),
  },
  {
    fault: 'a firewall or proxy forgets a connection without a word, while the input pauses',
    seen: 'a warning that the server cannot be used now; then a new connection is used; 0',
    lost: 'nothing',
    test: shownBy(WIRE, 'an input that pauses for longer than a firewall remembers connections'),
  },
  {
    fault: 'a firewall forgets a connection that is in use',
    seen: 'the call ends at its deadline, and later ones use a new connection',
    lost: 'nothing',
    test: shownBy(
      'packages/tritonclient-ts/test/silent-connections.test.ts',
      'a connection that a firewall has forgotten is replaced after one silent call, and no other is',
    ),
  },
  {
    fault: 'the name of the server cannot be looked up, at the beginning or in mid-run',
    seen: 'that the name is looked up in vain, after `--server-timeout`; 69. In mid-run it is tried again; 0',
    lost: 'nothing',
    test: shownBy(WIRE, 'a name that cannot be looked up is waited for, in mid-run as well'),
  },
  {
    fault: 'a download is cut, or its server busy',
    seen: 'nothing; 0',
    lost: 'nothing',
    test: shownBy(PULL, 'cut connections, a busy server and errors of a server are outlasted'),
  },
  {
    fault: 'the server of a download falls silent',
    seen: 'that nothing came for `--timeout`; 75',
    lost: 'nothing: the next call goes on with what has come',
    test: shownBy(PULL, 'a server that is silent is given up after --timeout, and what came is kept'),
  },
  {
    fault: 'nobody answers for a download, or its host has no address',
    seen: 'which; 69',
    lost: 'nothing',
    test: shownBy(PULL, 'nobody there, and no such host'),
  },
  {
    fault: 'a download has other bytes than were published',
    seen: 'it is downloaded once more; where they stay wrong both digests, 65',
    lost: 'nothing: no such file gets its name',
    test: shownBy(
      PULL,
      'bytes that stay corrupt are refused, with a published digest and with the checksums of the file',
    ),
  },
]

const TRITON = 'test/e2e/dispatch/triton.test.ts'
const ODD = 'test/e2e/dispatch/odd-servers.test.ts'
const BACKEND = 'test/e2e/predict/auto-backend.test.ts'

const SERVERS: readonly Fault[] = [
  {
    fault:
      'other weights or another precision appear under the same name in mid-run: server exchanged, or model loaded again',
    seen: 'which model is there and which the run is computed with; it waits for its own, 0',
    lost: 'nothing: no row is of another model',
    test: shownBy(
      'test/e2e/dispatch/exchange.test.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: spelled as in the source
      'never gives a run a row, ${EXCHANGES} times at random moments',
    ),
  },
  {
    fault: 'one of two servers has another model by now',
    seen: 'a warning; the other one does the work, 0',
    lost: 'nothing',
    test: shownBy(ODD, 'a server that has another model by now is not used, and the other one does the work'),
  },
  {
    fault: 'only another model is left',
    seen: 'that no server has finished a batch; 75',
    lost: KEPT,
    test: shownBy(ODD, 'where only another model is left the run ends, and goes on once its own is back'),
  },
  {
    fault: 'two servers in different precisions',
    seen: 'both, and that they are not mixed; 64',
    lost: 'nothing',
    test: shownBy(ODD, 'servers of different precision are not mixed'),
  },
  {
    fault: 'the server computes in another precision when a run is continued',
    seen: 'both precisions; 64',
    lost: 'nothing: the run goes on with the one that it began with',
    test: shownBy(ODD, 'a run is continued in the precision that it began with, and in no other'),
  },
  {
    fault: 'an answer that is not one of the model: shape, type, name, version',
    seen: 'a warning; the batch goes to another server, or 75',
    lost: KEPT,
    test: shownBy(ODD, 'an answer that is not one of the model never gets into a table'),
  },
  {
    fault: 'the server is killed and started again',
    seen: 'a warning that it cannot be used now; 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'survives a server that is killed and started again'),
  },
  {
    fault: 'the server stands still for a while (SIGSTOP, SIGCONT)',
    seen: 'a warning that it cannot be used now; 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'survives a server that stands still for a while'),
  },
  {
    fault: 'a model is unloaded and loaded again',
    seen: 'a warning that it cannot be used now; 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'survives a model that is unloaded and loaded again'),
  },
  {
    fault: 'the process of a model dies',
    seen: 'a warning; the model is loaded again, 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'survives a model whose process dies'),
  },
  {
    fault: 'one of two servers is gone for good',
    seen: 'a warning; the other one does the work, 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'goes on with the other of two servers when one is gone for good'),
  },
  {
    fault: 'one server is ten times slower than the other',
    seen: 'nothing; it gets less work, 0',
    lost: 'nothing',
    test: shownBy(TRITON, 'is not held up by a server ten times slower'),
  },
  {
    fault: 'servers that say they are ready and give no answer',
    seen: 'that no server has finished a batch for `--server-timeout`; 75',
    lost: KEPT,
    test: shownBy(
      ODD,
      'only finished batches put off the end: a server that is ready and gives none ends the run in time',
    ),
  },
  {
    fault: 'no server is left',
    seen: 'that no server has finished a batch for `--server-timeout`; 75',
    lost: KEPT,
    test: shownBy(TRITON, 'ends with a clear error when no server is left, and continues later'),
  },
  {
    fault: 'the server does not let the client in any more',
    seen: 'what it lacks; 69',
    lost: KEPT,
    test: shownBy(ODD, 'a server that refuses ends the run at once, beside others as well'),
  },
  {
    fault: 'another program takes the port of a server of our own that has ended',
    seen: 'a warning; it gets no sequence',
    lost: 'nothing',
    test: shownBy(
      BACKEND,
      'a server that takes the place of one that has ended gets nothing of a run under way',
    ),
  },
  {
    fault: 'the server that a run has started for itself is killed',
    seen: 'a warning; it is started again, 0',
    lost: 'nothing',
    test: shownBy(
      BACKEND,
      'a server started for the run that is killed is started again, and the run goes on',
    ),
  },
  {
    fault: 'the GPU has too little memory for a batch',
    seen: 'a warning with a batch size that fits; 0',
    lost: 'nothing: it is computed in pieces',
    test: shownBy(
      'test/e2e/dispatch/memory.test.ts',
      'computes batches in pieces, says so once, and gives every row its own embedding',
    ),
  },
]

const LYING = 'test/e2e/dispatch/lying-servers.test.ts'
const CLIENT = 'packages/tritonclient-ts/test/lying-servers.test.ts'

const LIARS: readonly Fault[] = [
  {
    fault: 'answers to other requests, too short, of another type, with two outputs of a name',
    seen: 'a warning with the reason, the batches go to other servers; without one exit code 75 after `--server-timeout`',
    lost: 'batches that were at that server',
    test: shownBy(LYING, 'a server whose answers cannot be right is left out, beside others and alone'),
  },
  {
    fault: 'NaN or infinity in answers',
    seen: 'a warning; the frames are in `STEM_failed_frames.tsv`, exit code 2',
    lost: 'these frames, which the same command computes again',
    test: shownBy(LYING, 'NaN from a server is named, and in no table'),
  },
  {
    fault: 'answers of 700 MB',
    seen: 'refused when they are announced, with both sizes; exit code 75 after `--server-timeout`',
    lost: 'batches that were at that server',
    test: shownBy(LYING, 'answers of 700 MB are refused when they are announced'),
  },
  {
    fault: 'random bytes, HTTP/1.1, TLS where plain is spoken, silence, a byte now and then',
    seen: '`no inference server with every model has answered`, exit code 69 after `--server-timeout`',
    lost: 'nothing',
    test: shownBy(LYING, 'what is not gRPC ends the run in time, and the same command can be given again'),
  },
  {
    fault:
      'resets, missing and contradicting trailers, broken frames, messages in halves or twice, gzip that is none',
    seen: 'one error of the client for each, with its reason',
    lost: 'the batch that was asked for',
    test: shownBy(CLIENT, 'what is not the protocol, or not an answer, is an error with its reason'),
  },
  {
    fault: 'data, headers, settings, pings and other frames without end, a gigabyte in a megabyte of gzip',
    seen: 'one error of the client for each',
    lost: 'the batch that was asked for',
    test: shownBy(CLIENT, 'floods end with the call, and take no memory meanwhile'),
  },
  {
    fault: 'error texts with control characters',
    seen: 'the text with escapes in their place',
    lost: 'nothing',
    test: shownBy(LYING, 'what a server says of an error is shown without what a terminal acts on'),
  },
]

export const FAULTS: readonly FaultGroup[] = [
  { title: 'Signals and processes', faults: PROCESSES },
  { title: 'System, names and clocks', faults: SYSTEM },
  { title: 'Disks', faults: STORAGE },
  { title: 'Network', faults: NETWORK },
  { title: 'Servers', faults: SERVERS },
  { title: 'Servers that lie', faults: LIARS },
]
