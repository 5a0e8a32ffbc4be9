import type { ArgGroup } from '../parse/arg.ts'

/** Options that every command takes, before its name or after it. */
export const commonArgs: ArgGroup = {
  title: 'Options of every command',
  args: [
    { name: 'config', long: ['config'], short: 'c', hint: 'FILE', help: 'configuration file, YAML or JSON' },
    {
      name: 'logFile',
      long: ['log-file'],
      short: 'l',
      hint: 'FILE',
      help: 'append every log line to FILE, with the time',
    },
    { name: 'verbose', long: ['verbose'], short: 'v', negatable: true, help: 'show debug lines' },
    { name: 'quiet', long: ['quiet'], short: 'q', negatable: true, help: 'show errors only' },
    { name: 'version', long: ['version'], help: 'print the version' },
    { name: 'help', long: ['help'], short: 'h', help: 'print this help' },
  ],
}
