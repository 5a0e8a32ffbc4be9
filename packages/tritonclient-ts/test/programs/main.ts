/** Runs one of the programs beside this file with a package that is installed: `main PACKAGE PROGRAM ARGUMENT…`. */
import type * as triton from '../../src/index.ts'
import { contract } from './contract.ts'
import { lies } from './lies.ts'
import { refusals, secure } from './secure.ts'
import { tour } from './tour.ts'

const [installed = '', program = '', url = '', argument = ''] = process.argv.slice(2)
const client: typeof triton = await import(installed)
const programs: Record<string, () => Promise<unknown>> = {
  contract: () => contract(client, url),
  lies: () => lies(client, JSON.parse(url), argument === 'together'),
  refusals: () => refusals(client, JSON.parse(argument)),
  secure: () => secure(client, url, JSON.parse(argument)),
  tour: () => tour(client, url, argument),
}
console.log(JSON.stringify(await programs[program]?.()))
