/**
 * Who may be hostile, what they may try, and what stops them.
 * `page.ts` beside this file makes the tables of SECURITY.md from it.
 */
import { type Evidence, shownBy } from './evidence.ts'

export interface Threat {
  readonly attempt: string
  readonly defence: string
  readonly test: Evidence
}

export interface ThreatGroup {
  /** Who is hostile. */
  readonly who: string
  readonly threats: readonly Threat[]
}

const NAMES = 'test/e2e/cli/printable.test.ts'
const SECRETS = 'test/e2e/cli/secrets.test.ts'
const OTHERS = 'test/e2e/security/other-users.test.ts'
const SEEN_AS = 'test/e2e/predict/auto-backend.test.ts'
const DOWNLOADS = 'test/e2e/security/downloads.test.ts'
const TLS = 'test/e2e/security/tls.test.ts'
const BUNDLES = 'test/e2e/security/bundles.test.ts'
const AUDIT = 'test/integration/scripts/audit.test.ts'
const PACKAGE = 'test/e2e/package/package.test.ts'
const SETTINGS = 'test/e2e/security/settings.test.ts'

const INPUT: readonly Threat[] = [
  {
    attempt:
      'names of records and files that move the cursor, set titles, forge lines of a log or turn the direction of writing',
    defence:
      'every such character is shown as an escape: on the terminal, in logs, error tables, JSON and reports',
    test: shownBy(NAMES, 'a name with %s is shown with escapes everywhere'),
  },
  {
    attempt: 'names that become markup or a script of the report',
    defence:
      'outside text is escaped where a page is made; its Content-Security-Policy allows only its own script',
    test: shownBy('test/integration/report/rebuild.test.ts', 'names from outside do not become markup'),
  },
  {
    attempt: 'a report that loads or sends something',
    defence: 'its Content-Security-Policy allows no network address',
    test: shownBy(
      'test/integration/report/browser.test.ts',
      'nothing but the file is asked for, nothing goes wrong, and it is small',
    ),
  },
  {
    attempt: 'a sample whose name leads out of the output folder, or is the name of something else there',
    defence: 'such names are refused with their line',
    test: shownBy('test/integration/samples/sheet.test.ts', 'names, files, fields'),
  },
  {
    attempt: 'an input that changes while it is read',
    defence: 'the digest is that of the bytes that were read; the run ends',
    test: shownBy(
      'test/e2e/predict/changed-input.test.ts',
      'an input that is %s while the run is under way ends it',
    ),
  },
  {
    attempt: 'a configuration whose aliases expand without limit, that runs something, or is not text',
    defence: 'it is parsed with limits and never run: one error',
    test: shownBy(SETTINGS, 'a configuration that is no configuration is one error, at once'),
  },
]

const WEIGHTS: readonly Threat[] = [
  {
    attempt: 'a pickle that runs a program',
    defence:
      'it is read by an interpreter that knows a fixed list of harmless names, and refuses all else by its name',
    test: shownBy(
      'test/integration/torchfile/unsafe.test.ts',
      'a file that runs code in Python runs none here',
    ),
  },
  {
    attempt:
      'a `.pt` file with members of another archive, members twice, or lengths that contradict each other',
    defence: 'members are read in place and compared with the directory; nothing is unpacked to a disk',
    test: shownBy(
      'test/integration/torchfile/damage.test.ts',
      'members of another archive, or twice the same, are refused',
    ),
  },
  {
    attempt: 'compressed members that become very large',
    defence: 'they are read within bounds',
    test: shownBy('test/integration/torchfile/damage.test.ts', 'compressed members are read within bounds'),
  },
  {
    attempt: 'a safetensors file whose header lies',
    defence: 'every place and length is checked first',
    test: shownBy(
      'test/integration/torchfile/safetensors.test.ts',
      'damaged headers never give anything but a named error',
    ),
  },
  {
    attempt: 'a bundle whose manifest names files of this machine',
    defence: 'names stay inside the bundle',
    test: shownBy(BUNDLES, 'a manifest names no file outside of its bundle'),
  },
  {
    attempt: 'a graph that takes its weights from elsewhere, such as a device or a file of yours',
    defence: 'ONNX Runtime opens files beside the graph only',
    test: shownBy(BUNDLES, 'a graph takes its weights from the bundle and from nowhere else'),
  },
  {
    attempt: 'a graph with operators of its own',
    defence: 'there are those of ONNX Runtime; no library of a bundle is ever loaded',
    test: shownBy(BUNDLES, 'a graph has no operators but those of ONNX Runtime'),
  },
  {
    attempt: 'a bundle that is changed, before or while a run computes with it',
    defence: 'every byte is compared with its checksum first; a file that changes afterwards is noticed',
    test: shownBy(
      'test/integration/import/verification.test.ts',
      'a byte changed anywhere in a bundle is refused by predict and by models verify',
    ),
  },
  {
    attempt: 'a `tokenizer.json` that would split sequences differently',
    defence: 'what this program cannot reproduce is refused by its place in the file',
    test: shownBy(
      'test/unit/tokenizers/tokenizer-file.test.ts',
      'what cannot be reproduced is named by its path in the file',
    ),
  },
]

const SERVERS: readonly Threat[] = [
  {
    attempt: 'a server that nobody named gets sequences, whatever it says of itself',
    defence: 'only servers that you name or have started are used',
    test: shownBy(
      SEEN_AS,
      'not a server that nobody named, whatever it says of itself; the option that would use it is told',
    ),
  },
  {
    attempt: 'a program takes the port of a server of yours that has ended',
    defence: 'before every request the listener is proven: its process, its start, its secret',
    test: shownBy(
      SEEN_AS,
      'a server that takes the place of one that has ended gets nothing of a run under way',
    ),
  },
  {
    attempt:
      "a server behind TLS whose certificate is another host's, expired, not valid yet or of an unknown authority",
    defence: 'nothing is sent, and one sentence says which; no variable switches that off',
    test: shownBy(TLS, 'a server that is not the one that was meant gets nothing, with one sentence'),
  },
  {
    attempt: 'old versions of TLS, or a connection that falls back to none',
    defence: 'TLS 1.2 and later; `grpcs://` never falls back to `grpc://`',
    test: shownBy(
      'packages/tritonclient-ts/test/tls.test.ts',
      'one sentence says what is wrong with a connection, under Bun and under Node',
    ),
  },
  {
    attempt: 'a named server hosts another model, or exchanges it in mid-run',
    defence: 'every request names the digest of the model, so that a server with another one refuses it',
    test: shownBy(
      'test/e2e/dispatch/odd-servers.test.ts',
      'every request names the version that stands for the model',
    ),
  },
  {
    attempt: 'answers of a wrong shape, type or number of rows, to another request, or with NaN',
    defence: 'none gets into a table',
    test: shownBy(
      'test/e2e/dispatch/odd-servers.test.ts',
      'an answer that is not one of the model never gets into a table',
    ),
  },
  {
    attempt: 'a server quotes the secret header, or sends escapes, in its error',
    defence: 'the secret is hidden wherever it occurs; escapes are shown as such',
    test: shownBy(SECRETS, 'it is sent to the server, and shown nowhere, also where the server quotes it'),
  },
]

const USERS: readonly Threat[] = [
  {
    attempt:
      'forged notes, by which `predict` finds servers of `serve`, in a shared folder for temporary files',
    defence: 'notes count only in a folder that belongs to this user, is closed to others and is no link',
    test: shownBy(SEEN_AS, 'the servers that serve of the same user has started, and nobody else knows of'),
  },
  {
    attempt: 'a configuration file left in a folder that you work in: it could name servers and programs',
    defence: "another user's is refused unless you name it",
    test: shownBy(
      OTHERS,
      'a configuration that another user has left in the current folder is not obeyed unless it is named',
    ),
  },
  {
    attempt: 'links planted under temporary names, or guesses at them',
    defence: 'such names cannot be guessed, and are made exclusively',
    test: shownBy(
      'test/e2e/predict/user-files.test.ts',
      'links planted under temporary names of old are not followed, and guesses at names are in vain',
    ),
  },
  {
    attempt: 'links planted under the names of results',
    defence: 'they are refused, and what they lead to is not written to',
    test: shownBy(
      OTHERS,
      'in a folder that all may write to, links planted under the names of results lead nowhere',
    ),
  },
  {
    attempt: 'a record of a run that names files elsewhere, to have them removed',
    defence: 'a record does not lead out of its output folder',
    test: shownBy('test/e2e/predict/user-files.test.ts', 'a record does not lead out of the output folder'),
  },
  {
    attempt: 'reading sequences that lie in a shared folder for temporary files',
    defence: 'files there are for their user alone, whatever `umask` says',
    test: shownBy(OTHERS, 'what lies in a shared folder for temporary files is for its user alone'),
  },
  {
    attempt: 'reading sequences in the shared memory of a server of yours',
    defence:
      'Triton opens it to every user; it is closed once the models are loaded, before anything is sent',
    test: shownBy(OTHERS, 'what a server of ours has in shared memory is for its user alone'),
  },
  {
    attempt: 'reading results, the home or logs',
    defence: '`umask` decides, and nothing is more open than that',
    test: shownBy(
      OTHERS,
      'files of a run have the permissions that the user gives with umask, and none beyond',
    ),
  },
  {
    attempt: 'reading secrets from the list of processes',
    defence:
      'a header of `VIRNUCPRO_TRITON_HEADER` or a configuration file is in no command line, nor is the secret of a note',
    test: shownBy(
      OTHERS,
      'a header from the environment or a file is in no command line that others can list',
    ),
  },
  {
    attempt: 'reading a key or a configuration with a secret whose permissions are too wide',
    defence: 'a warning names the file',
    test: shownBy(TLS, 'a key or a secret that everybody can read is warned of'),
  },
  {
    attempt: 'finding secrets in output, logs and reports',
    defence: 'values of `--triton-header` are `***` there',
    test: shownBy(
      'test/integration/report/summary.test.ts',
      'passwords and keys for a server are not in the summary',
    ),
  },
]

const NETWORK: readonly Threat[] = [
  {
    attempt: 'something is sent to a host that nobody named',
    defence:
      'commands that download nothing give the same results with the network switched off; the system lists no connection but to servers that were named and to ports of this machine',
    test: shownBy(
      'test/e2e/security/network.test.ts',
      'a command connects to its server and to the usual ports of this machine',
    ),
  },
  {
    attempt: 'a mirror, or somebody before it, with a certificate that is not good',
    defence: 'no request is sent',
    test: shownBy(DOWNLOADS, 'a mirror whose certificate is not good is asked for nothing'),
  },
  {
    attempt: 'a redirect to a connection without encryption, or to a file',
    defence: 'refused',
    test: shownBy(DOWNLOADS, 'nobody is led from an encrypted connection to one that is not'),
  },
  {
    attempt: 'a redirect that takes the token of Hugging Face elsewhere',
    defence: 'it goes to its origin alone',
    test: shownBy(
      'test/e2e/pull/sources.test.ts',
      'the token of Hugging Face never goes to another host, and is never shown',
    ),
  },
  {
    attempt: 'other bytes than those that were published',
    defence:
      'compared with the published digest; where there is none, with the checksums inside the file, which find damage and no attacker; twice wrong is an error, and nothing is kept',
    test: shownBy(
      'test/e2e/pull/faults.test.ts',
      'bytes that stay corrupt are refused, with a published digest and with the checksums of the file',
    ),
  },
  {
    attempt: 'lists of files with names that lead elsewhere',
    defence: 'names come from a fixed list',
    test: shownBy(DOWNLOADS, 'names that lead out of the folder are not files of a model'),
  },
  {
    attempt: 'an endless response, or a silent server',
    defence: 'limits of size and time',
    test: shownBy(DOWNLOADS, 'a text without an end is given up'),
  },
  {
    attempt: 'a package of a private server that is not what its index says',
    defence:
      'pip compares it with the checksum of the index, takes pinned versions of wheels alone, and runs no build',
    test: shownBy(
      'test/e2e/runtime/private.test.ts',
      'packages of an index become a server; what is missing or altered is said, and the next call goes on',
    ),
  },
]

const SUPPLY: readonly Threat[] = [
  {
    attempt: 'a changed lockfile: other checksums, sources, install steps or licences',
    defence: 'every change is checked, against the registry where it answers',
    test: shownBy(AUDIT, 'a lockfile that was tampered with is refused'),
  },
  {
    attempt: 'an install step of a package that users get',
    defence: 'no package needs one: everything works where they do not run',
    test: shownBy(PACKAGE, 'no package that it brings runs an install step that needs anything'),
  },
  {
    attempt: 'something in the package or an archive that nobody lists',
    defence: 'each release has a bill of materials with all that it brings',
    test: shownBy(
      PACKAGE,
      'the bill of materials has the package, all that it brings and what is part of it',
    ),
  },
]

export const THREATS: readonly ThreatGroup[] = [
  { who: 'Inputs, sample sheets, configuration', threats: INPUT },
  { who: 'Weights and bundles from elsewhere', threats: WEIGHTS },
  { who: 'Servers', threats: SERVERS },
  { who: 'Other users of the machine', threats: USERS },
  { who: 'The network', threats: NETWORK },
  { who: 'What the program is made of', threats: SUPPLY },
]
