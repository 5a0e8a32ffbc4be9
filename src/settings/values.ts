import * as v from 'valibot'
import { Secret } from '../system/printable.ts'
import { descriptorOf } from '../system/same-file.ts'

// Values arrive as text (flags, environment) or as YAML/JSON scalars (files). Each schema takes both, so that
// one validation serves every source; its message is the part after "expected".

/** Text that is not empty. A number in a YAML file (`prefix: 2024`) is the text it was written as. */
export const text = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))], 'expected text'),
  v.check((value) => value.trim() !== '', 'expected text, not an empty value'),
)

/** A whole number between `least` and `most`; text must be plain digits (no `1e3`, no `0x10`). */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
  const message = `expected a whole number ${range}`
  const digits = v.pipe(v.string(), v.regex(/^-?\d+$/), v.transform(Number))
  return v.pipe(
    v.union([v.number(), digits], message),
    v.safeInteger(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  )
}

/** A number between `least` and `most`. */
export function numberFrom(least: number, most: number) {
  const message = `expected a number from ${least} to ${most}`
  return v.pipe(
    v.union([v.number(), v.pipe(text, v.transform(Number))], message),
    v.finite(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  )
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/** `true`/`false`; as text also 1/0, yes/no, on/off in any case. */
export const boolean = v.union(
  [
    v.boolean(),
    v.pipe(
      v.string(),
      v.toLowerCase(),
      v.picklist([...YES, ...NO]),
      v.transform((value) => YES.includes(value)),
    ),
  ],
  'expected true or false',
)

/** One of a few words; a YAML number is taken as its digits, so that `model_type: 300` works. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return v.pipe(
    v.union([v.string(), v.pipe(v.number(), v.transform(String))], `expected one of ${words.join(', ')}`),
    v.picklist(words, `expected one of ${words.join(', ')}`),
  )
}

/** A list, or the same as comma-separated text. */
function commaSeparated(message: string) {
  return v.pipe(
    v.union([v.array(v.union([v.string(), v.number()])), v.string(), v.number()], message),
    v.transform((value) =>
      (Array.isArray(value) ? value : String(value).split(',')).map((item) => String(item).trim()),
    ),
  )
}

/** Whole numbers separated by commas, each greater than the one before. */
export function ascending(least: number, most: number, what: string) {
  return v.pipe(
    commaSeparated(`expected ${what}`),
    v.transform((items) => items.map(Number)),
    v.check(
      (items) =>
        items.every(
          (item, i) => Number.isSafeInteger(item) && item > (items[i - 1] ?? least - 1) && item <= most,
        ),
      `expected ${what}`,
    ),
  )
}

/** Some of a few words, separated by commas. */
export function listOf(words: readonly string[]) {
  const message = `expected names of ${words.join(', ')}`
  return v.pipe(
    commaSeparated(message),
    v.check((items) => items.every((item) => words.includes(item)), message),
  )
}

const GPUS = 'expected GPU numbers separated by commas, each once, for example 0,1'

/** GPU numbers, `0,1,2`. */
export const gpus = v.pipe(
  commaSeparated(GPUS),
  v.check((items) => items.every((item) => /^\d{1,4}$/.test(item)), GPUS),
  v.transform((items) => items.map(Number)),
  v.check((items) => new Set(items).size === items.length, GPUS),
)

const ENDPOINTS =
  'expected grpc://HOST:PORT or grpcs://HOST:PORT, without a user name, several separated by commas'

function isEndpoint(item: string): boolean {
  const port = /^grpcs?:\/\/(?:[^\s/:@[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(item)?.[1]
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535
}

/** Inference servers. */
export const endpoints = v.pipe(
  commaSeparated(ENDPOINTS),
  v.check((items) => items.every(isEndpoint), ENDPOINTS),
)

const ADDRESSES =
  'expected http://HOST:PORT or https://HOST:PORT, without a user name, several separated by commas'

function isWebAddress(item: string): boolean {
  const url = /^https?:\/\/\S+$/.test(item) ? URL.parse(item) : null
  return url !== null && url.username === '' && url.password === ''
}

/** Pages of a web server; without a path, `/metrics`. */
export const webAddresses = v.pipe(
  commaSeparated(ADDRESSES),
  v.check((items) => items.every(isWebAddress), ADDRESSES),
)

const HEADER = 'expected NAME:VALUE'

/** A header of a request, as it stands in one. */
export const header = v.pipe(
  v.instance(Secret, HEADER),
  // Printable ASCII alone, which is all that gRPC sends.
  v.check((secret) => /^[\w-]+:\s*[\x21-\x7e][\x20-\x7e]*$/.test(secret.reveal().trim()), HEADER),
  v.transform((secret) => new Secret(secret.reveal().trim())),
)

/** Paths. Text is one path: a comma is a legal character in a file name. */
export const paths = v.pipe(
  v.union(
    [
      v.array(text),
      v.pipe(
        text,
        v.transform((path) => [path]),
      ),
    ],
    'expected a path or a list of paths',
  ),
  v.check(
    (items) => items.filter((item) => descriptorOf(item) === 0).length <= 1,
    'expected - (standard input) only once',
  ),
)

const DEVICE = 'expected auto, cpu, cuda, cuda:N or N'

/** Broad's `--device`. */
export const device = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))], DEVICE),
  v.regex(/^(?:auto|cpu|cuda|(?:cuda:)?\d{1,4})$/, DEVICE),
)

/** Stem of file names: one path component. */
export const fileStem = v.pipe(
  text,
  v.check(
    (value) => !/[/\\\0]/.test(value) && value !== '.' && value !== '..',
    'expected a file name stem without slashes',
  ),
)
