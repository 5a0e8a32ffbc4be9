import * as v from 'valibot'
import { Secret } from '../system/printable.ts'
import { descriptorOf } from '../system/same-file.ts'

// Values arrive as text (flags, environment) or as YAML/JSON scalars (files). Each schema takes both, so that
// one validation serves every source; its message is the part after "expected". `hint` is what stands for a value in the help.

const string = v.union([v.string(), v.pipe(v.number(), v.transform(String))], 'expected text')

const someText = v.pipe(
  string,
  v.check((value) => value.trim() !== '', 'expected text, not an empty value'),
)

/** Text that is not empty. A number in a YAML file (`prefix: 2024`) is the text it was written as. */
export function text(hint: string) {
  return { hint, schema: someText }
}

/** A whole number between `least` and `most`; text must be plain digits (no `1e3`, no `0x10`). */
export function wholeNumber(hint: string, least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
  const message = `expected a whole number ${range}`
  const digits = v.pipe(v.string(), v.regex(/^-?\d+$/), v.transform(Number))
  const number = v.pipe(v.union([v.number(), digits], message), v.safeInteger(message))
  return { hint, schema: v.pipe(number, v.minValue(least, message), v.maxValue(most, message)) }
}

const SECONDS = { s: 1, m: 60, h: 3600 } as const

/** A time in seconds, minutes or hours, as seconds; 0 for none at all. */
export const duration = {
  hint: 'TIME',
  schema: v.pipe(
    string,
    v.regex(/^(?:0|[1-9]\d{0,5}[smh])$/, 'expected a time such as 90s, 15m or 2h'),
    v.transform((text) => (text === '0' ? 0 : Number.parseInt(text, 10) * SECONDS[text.at(-1) as 's'])),
  ),
}

/** A number between `least` and `most`. */
export function numberFrom(hint: string, least: number, most: number) {
  const message = `expected a number from ${least} to ${most}`
  const number = v.union([v.number(), v.pipe(someText, v.transform(Number))], message)
  return { hint, schema: v.pipe(number, v.minValue(least, message), v.maxValue(most, message)) }
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

const word = v.pipe(v.string(), v.toLowerCase(), v.picklist([...YES, ...NO]))

/** `true`/`false`; as text also 1/0, yes/no, on/off in any case. */
export const boolean = v.union(
  [
    v.boolean(),
    v.pipe(
      word,
      v.transform((value) => YES.includes(value)),
    ),
  ],
  'expected true or false',
)

/** One of a few words; a YAML number is taken as its digits, so that `model_type: 300` works. */
export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return {
    hint: words.join('|'),
    schema: v.pipe(string, v.picklist(words, `expected one of ${words.join(', ')}`)),
  }
}

/** A list of which each item is right, or the same as comma-separated text. */
function list(message: string, isItem: (item: string, before: readonly string[]) => boolean) {
  return v.pipe(
    v.union([v.array(v.union([v.string(), v.number()])), v.string(), v.number()], message),
    v.transform((value) =>
      (Array.isArray(value) ? value : String(value).split(',')).map((item) => String(item).trim()),
    ),
    v.check((items) => items.every((item, at) => isItem(item, items.slice(0, at))), message),
  )
}

function listOfNumbers(message: string, isItem: (item: string, before: readonly string[]) => boolean) {
  return v.pipe(
    list(message, isItem),
    v.transform((items) => items.map(Number)),
  )
}

/** Whole numbers from `least` to `most`, each greater than the one before. */
export function ascending(hint: string, least: number, most: number, what: string) {
  return {
    hint,
    schema: listOfNumbers(`expected ${what}`, (item, before) => {
      const [number, floor] = [Number(item), before.length === 0 ? least - 1 : Number(before.at(-1))]
      return Number.isSafeInteger(number) && number > floor && number <= most
    }),
  }
}

/** Some of a few words, separated by commas. */
export function someOf(...words: string[]) {
  return {
    hint: 'NAME[,…]',
    choices: words,
    schema: list(`expected names of ${words.join(', ')}`, (item) => words.includes(item)),
  }
}

/** GPU numbers. */
export const gpus = {
  hint: '0,1,…',
  schema: listOfNumbers(
    'expected GPU numbers separated by commas, each once, for example 0,1',
    (item, before) => /^\d{1,4}$/.test(item) && !before.map(Number).includes(Number(item)),
  ),
}

const SERVERS =
  'expected HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT with the gRPC port of a server (8001 unless it was started with another), without a user name, several separated by commas'

/** Inference servers. Without a scheme it is `grpc://`; there is no port without one, so that a slip is not taken for a host. */
export const endpoints = {
  hint: 'HOST:PORT[,…]',
  schema: v.pipe(
    list(SERVERS, (item) => {
      const port = /^(?:grpcs?:\/\/)?(?:[^\s/:@[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(item)?.[1]
      return Number(port) >= 1 && Number(port) <= 65_535
    }),
    v.transform((items) => items.map((item) => (item.includes('://') ? item : `grpc://${item}`))),
  ),
}

/** Pages of a web server; without a path, `/metrics`. */
export const webAddresses = {
  hint: 'http://HOST:PORT[,…]',
  schema: list(
    'expected http://HOST:PORT or https://HOST:PORT, without a user name, several separated by commas',
    (item) => {
      const url = /^https?:\/\/\S+$/.test(item) ? URL.parse(item) : null
      return url?.username === '' && url.password === ''
    },
  ),
}

const HEADER = 'expected NAME:VALUE'

/** A header of a request: NAME:VALUE. */
export const header = {
  hint: 'NAME:VALUE',
  schema: v.pipe(
    v.instance(Secret, HEADER),
    // Printable ASCII alone, which is all that gRPC sends.
    v.check((secret) => /^[\w-]+:\s*[\x21-\x7e][\x20-\x7e]*$/.test(secret.reveal().trim()), HEADER),
    v.transform((secret) => new Secret(secret.reveal().trim())),
  ),
}

/** Paths. Text is one path: a comma is a legal character in a file name. */
export const paths = {
  hint: 'FILE',
  schema: v.pipe(
    v.union(
      [
        v.array(someText),
        v.pipe(
          someText,
          v.transform((path) => [path]),
        ),
      ],
      'expected a path or a list of paths',
    ),
    v.check(
      (items) => items.filter((item) => descriptorOf(item) === 0).length <= 1,
      'expected - (standard input) only once',
    ),
  ),
}

/** Broad's `--device`. */
export const device = {
  hint: 'DEVICE',
  choices: ['auto', 'cpu', 'cuda'],
  schema: v.pipe(
    string,
    v.regex(/^(?:auto|cpu|cuda|(?:cuda:)?\d{1,4})$/, 'expected auto, cpu, cuda, cuda:N or N'),
  ),
}

/** Stem of file names: one path component. */
export const fileStem = {
  hint: 'STEM',
  schema: v.pipe(
    someText,
    v.check((value) => !/[/\\\0]|^\.\.?$/.test(value), 'expected a file name stem without slashes'),
  ),
}
