/** One option of a command. */
export interface Arg {
  /** What the option is about: the name of a setting, or of a value the command itself reads. */
  name: string
  /** Long spellings without dashes; the first is the one shown. */
  long: readonly [string, ...string[]]
  /** One letter. */
  short?: string
  /** What stands for the value in the help; without it the option is a switch. */
  hint?: string
  help: string
  /** May be given several times, and each value counts. */
  many?: boolean
  /** A switch that has a `--no-` form too. */
  negatable?: boolean
  /** Show the `--no-` form in the help: the option is on unless switched off. */
  shownNegated?: boolean
  /** Settings that a switch turns on, where they are not the one it is named after. */
  turnsOn?: readonly string[]
  /** Accepted so that old scripts keep working; says why it does nothing. */
  noEffect?: string
}

/** Options under one heading of the help. */
export interface ArgGroup {
  title: string
  args: readonly Arg[]
}

/** All spellings of an option with their dashes, as typed. */
export function spellings(arg: Arg): string[] {
  const long = arg.long.flatMap((name) => (arg.negatable ? [`--${name}`, `--no-${name}`] : [`--${name}`]))
  return arg.short === undefined ? long : [`-${arg.short}`, ...long]
}
