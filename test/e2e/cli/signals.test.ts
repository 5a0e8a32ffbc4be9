import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { repository } from './support.ts'

/** A program that works until it is stopped, under the signal handling of the command line. */
const program = `
  const { withSignals } = await import(${JSON.stringify(join(repository, 'src/cli/signals.ts'))})
  const { reportError } = await import(${JSON.stringify(join(repository, 'src/cli/report.ts'))})
  const { activeLogger } = await import(${JSON.stringify(join(repository, 'src/cli/session.ts'))})
  const deaf = process.argv.includes('deaf')
  try {
    await withSignals(activeLogger(), async (signal) => {
      const alive = setInterval(() => {}, 1000)
      console.log('working')
      await new Promise((resolve) => deaf || signal.addEventListener('abort', resolve))
      clearInterval(alive)
      console.log('tidied up')
      if (process.argv.includes('throws')) throw new Error('some call was cut short')
    })
    console.log('went on')
  } catch (error) {
    process.exitCode = reportError(error)
  }
`

async function stopped(signals: NodeJS.Signals[], ...args: string[]) {
  const child = Bun.spawn([process.execPath, '-e', program, ...args], { stdout: 'pipe', stderr: 'pipe' })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let out = (await reader.read()).value ?? ''
  const err = child.stderr.pipeThrough(new TextDecoderStream()).getReader()
  let messages = ''
  for (const signal of signals) {
    child.kill(signal)
    // The next signal only once this one is known to have arrived.
    messages += (await err.read()).value ?? ''
  }
  for (let next = await reader.read(); !next.done; next = await reader.read()) out += next.value
  for (let next = await err.read(); !next.done; next = await err.read()) messages += next.value
  return { code: await child.exited, out, messages }
}

test.concurrent('SIGINT stops the work, waits for it to tidy up and exits 130', async () => {
  for (const args of [[], ['throws']]) {
    const { code, out, messages } = await stopped(['SIGINT'], ...args)
    expect(out).toBe('working\ntidied up\n')
    expect(messages).toEndWith('error: stopped by SIGINT\n')
    expect(code).toBe(130)
  }
})

test.concurrent('SIGTERM does the same and exits 143', async () => {
  const { code, out, messages } = await stopped(['SIGTERM'])
  expect(out).toBe('working\ntidied up\n')
  expect(messages).toEndWith('error: stopped by SIGTERM\n')
  expect(code).toBe(143)
})

test.concurrent('SIGHUP does the same and exits 129, unless the program was started to outlive its terminal', async () => {
  const { code, out, messages } = await stopped(['SIGHUP'])
  expect(out).toBe('working\ntidied up\n')
  expect(messages).toEndWith('error: stopped by SIGHUP\n')
  expect(code).toBe(129)
  const shell = Bun.spawn(['sh', '-c', 'trap "" HUP; exec "$@"', 'sh', process.execPath, '-e', program], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const reader = shell.stdout.getReader()
  await reader.read()
  shell.kill('SIGHUP')
  shell.kill('SIGTERM')
  expect(await new Response(shell.stderr).text()).not.toContain('SIGHUP')
  expect(await shell.exited).toBe(143)
})

test.concurrent('work that does not settle is given up within 5 s', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const start = performance.now()
    const ended = await stopped([signal], 'deaf')
    expect(ended).toMatchObject({ code, out: 'working\n' })
    expect(ended.messages).toEndWith(`error: stopped by ${signal}\n`)
    expect(performance.now() - start).toBeLessThan(9000)
  }
})

test.concurrent('a signal ends the process at once while the JavaScript thread is busy with a large model', async () => {
  const busy = `
    const { withSignals } = await import(${JSON.stringify(join(repository, 'src/cli/signals.ts'))})
    const { activeLogger } = await import(${JSON.stringify(join(repository, 'src/cli/session.ts'))})
    const { stoppedAtOnce } = await import(${JSON.stringify(join(repository, 'src/system/stop-signals.ts'))})
    await withSignals(activeLogger(), () =>
      stoppedAtOnce(async () => {
        require('node:fs').writeSync(1, 'working\\n')
        const end = Date.now() + 20_000
        while (Date.now() < end);
      }),
    )`
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
    const child = Bun.spawn([process.execPath, '-e', busy], { stdout: 'pipe', stderr: 'pipe' })
    await child.stdout.getReader().read()
    const start = performance.now()
    child.kill(signal)
    expect(await child.exited).toBe(code)
    expect(performance.now() - start).toBeLessThan(5000)
  }
})

test.concurrent('a second signal ends work that does not stop', async () => {
  expect(await stopped(['SIGINT', 'SIGINT'], 'deaf')).toMatchObject({ code: 130, out: 'working\n' })
  expect(await stopped(['SIGINT', 'SIGTERM'], 'deaf')).toMatchObject({ code: 143, out: 'working\n' })
})
