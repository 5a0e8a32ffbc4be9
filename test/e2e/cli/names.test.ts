import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { shell, temporaryFolder } from './support.ts'

const READ = `ATG${'GCT'.repeat(80)}TAA`

test.concurrent('names that are not valid UTF-8 are refused, and nothing is made', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  await shell(`printf '>a\\n${READ}\\n' > $'caf\\xe9.fa'; cp $'caf\\xe9.fa' in.fa`, cwd)
  const before = readdirSync(cwd, { encoding: 'buffer' }).map((name) => name.toString('hex'))
  for (const [words, name] of [
    ["predict $'caf\\xe9.fa' --bundle demo", 'the argument caf\\xe9.fa'],
    ["predict in.fa --bundle demo -o $'out\\xe9'", 'the argument out\\xe9'],
    ["predict in.fa --bundle demo --prefix=$'\\xff'", 'the argument --prefix=\\xff'],
    ["models show $'b\\xc3'", 'the argument b\\xc3'],
    ["checkpoints clean $'\\x80x'", 'the argument \\x80x'],
  ] as const) {
    const { code, err } = await shell(`virnucpro ${words}`, cwd)
    expect(err).toContain(`error: ${name} is not valid UTF-8 and cannot be used`)
    expect({ words, code }).toEqual({ words, code: 64 })
  }
  const variable = await shell("VIRNUCPRO_OUTPUT_DIR=$'out\\xe9' virnucpro predict in.fa --bundle demo", cwd)
  expect(variable.err).toContain('the environment variable VIRNUCPRO_OUTPUT_DIR is not valid UTF-8')
  expect(variable.code).toBe(64)
  expect(readdirSync(cwd, { encoding: 'buffer' }).map((name) => name.toString('hex'))).toEqual(before)
})

test.concurrent('the same for the current folder and for a configuration file', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  const inside = await shell(
    `mkdir $'d\\xe9'; cd $'d\\xe9'; printf '>a\\n${READ}\\n' > in.fa; virnucpro predict in.fa --bundle demo -o out; code=$?; ls; exit $code`,
    cwd,
  )
  expect(inside.err).toContain('d\\xe9 is not valid UTF-8')
  expect({ code: inside.code, out: inside.out }).toEqual({ code: 64, out: 'in.fa\n' })
  const file = await shell(
    `printf 'output_dir: out\\xe9\\n' > c.yaml; printf '>a\\n${READ}\\n' > in.fa; virnucpro predict in.fa --bundle demo --config c.yaml`,
    cwd,
  )
  expect(file.err).toContain('c.yaml: not valid UTF-8')
  expect(file.code).toBe(64)
  expect(existsSync(folder.join('out\ufffd'))).toBe(false)
})

test.concurrent('a replacement character that really stands in a name is a letter like any other', async () => {
  using folder = temporaryFolder()
  await Bun.write(folder.join('a\ufffd.fa'), `>a\n${READ}\n`)
  const { code } = await shell("virnucpro predict 'a\ufffd.fa' --bundle demo -o 'o\ufffd'", folder.path)
  expect(code).toBe(0)
  expect(existsSync(folder.join('o\ufffd'))).toBe(true)
})

test.concurrent('such names in a folder hold nothing up, and no other file is touched', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  await shell(
    "mkdir -p $'x\\xe9_nucleotide' x_nucleotide; printf no > $'x\\xe9_nucleotide/output_1_DNABERT_S.pt'; printf no > x_nucleotide/$'output_1_DNABERT_S\\xe9.pt'; printf mine > mine.txt",
    cwd,
  )
  for (const words of ['list .', 'verify .', 'clean . --dry-run', 'clean .']) {
    const { err } = await shell(`virnucpro checkpoints ${words}`, cwd)
    expect(err).not.toContain('defect')
  }
  expect((await shell('cat mine.txt', cwd)).out).toBe('mine')
})

test.concurrent('a name that is too long is said before anything is computed', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  await Bun.write(folder.join('in.fa'), `>a\n${READ}\n`)
  await Bun.write(folder.join(`${'n'.repeat(245)}.fa`), `>a\n${READ}\n`)
  for (const words of [
    `in.fa --prefix ${'p'.repeat(300)} -o out`,
    `in.fa --prefix ${'p'.repeat(240)} -o out`,
    `${'n'.repeat(245)}.fa -o out`,
    `in.fa -o ${'o'.repeat(300)}`,
  ]) {
    const { code, err } = await shell(`virnucpro predict ${words} --bundle demo`, cwd)
    expect(err).toContain('too long')
    expect(err).not.toContain('defect')
    expect([64, 73]).toContain(code)
    expect(err).not.toContain('models: demo')
  }
})
