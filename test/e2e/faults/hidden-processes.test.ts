import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { repository } from '../../support/cli.ts'
import { asOrdinaryUser } from '../../support/user.ts'

const program = `
  const { hasEnded } = await import(${JSON.stringify(join(repository, 'src/system/processes.ts'))})
  const [living, dead] = process.argv.slice(-2).map(Number)
  const hidden = !(await Bun.file('/proc/' + living + '/stat').exists())
  console.log(JSON.stringify({ hidden, living: hasEnded(living, '1'), dead: hasEnded(dead, '1') }))`

// As in a home that several users of a cluster share, whose nodes show each user only the own processes.
test.skipIf(process.getuid?.() !== 0)(
  'a process of another user that /proc hides does not count as ended',
  () => {
    const script = `
    mount -t proc -o hidepid=2 proc /proc
    sleep 60 & living=$!
    true & dead=$!
    wait $dead
    "$@" $living $dead
    kill $living`
    const child = Bun.spawnSync(
      [
        ...['unshare', '--pid', '--mount', '--fork', 'bash', '-c', script, 'bash'],
        ...[...asOrdinaryUser(), process.execPath, '-e', program],
      ],
      { cwd: '/', env: { ...process.env, HOME: '/nonexistent' }, stderr: 'pipe' },
    )
    expect(child.stderr.toString()).toBe('')
    expect(JSON.parse(child.stdout.toString())).toEqual({ hidden: true, living: false, dead: true })
  },
)
