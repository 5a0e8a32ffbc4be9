import { printable } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { bytes } from '../../text/numbers.ts'
import { command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['[--json]'],
  examples: [['Print the places and sizes:', 'home show']],
  exits:
    '`65` a bundle or the record of the home is damaged; `66` no such bundle, or a home that may not be read',
  options: jsonOutput,
  async run({ args }) {
    const { homeFolder, isHomeReadOnly, measurePlaces, PLACE_NAMES, privateFolder, readHome } = await import(
      '../../home/index.ts'
    )
    const { volumeOf } = await import('../../machine/index.ts')
    const home = homeFolder()
    // What may not be read would be shown as empty.
    await readHome()
    const isReadOnly = await isHomeReadOnly()
    const places = await measurePlaces(home, PLACE_NAMES)
    const own = isReadOnly ? await measurePlaces(privateFolder(), PLACE_NAMES) : []
    const { freeBytes, network } = await volumeOf(home)
    if (args.json) {
      const facts = { home, readOnly: isReadOnly, network: network ?? null, freeBytes, places, private: own }
      return printJson('home', facts)
    }
    const about = [isReadOnly ? 'read-only for this user' : '', network ?? ''].filter((each) => each !== '')
    const total = places.reduce((sum, each) => sum + each.bytes, 0)
    const rows = [
      ['home', bytes(total), `${home}${about.length === 0 ? '' : ` (${about.join(', ')})`}`],
      ['free', bytes(freeBytes), ''],
      ...[...places, ...own.filter((each) => each.bytes > 0)].map((each) => [
        each.place,
        bytes(each.bytes),
        each.folder,
      ]),
    ]
    process.stdout.write(`${columns(rows, [1]).map(printable).join('\n')}\n`)
  },
})
