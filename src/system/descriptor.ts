/**
 * The open file that a name such as `/dev/stdin` or `/dev/fd/63` stands for, of this process; undefined for every other
 * name. Shells give such names for `<( … )`. `-` is standard input.
 */
export function descriptorOf(name: string): number | undefined {
  if (name === '-' || name === '/dev/stdin') return 0
  const number = /^(?:\/dev\/fd|\/proc\/self\/fd|\/proc\/(\d+)\/fd)\/(\d{1,9})$/.exec(name)
  if (number === null || (number[1] !== undefined && Number(number[1]) !== process.pid)) return undefined
  return Number(number[2])
}
