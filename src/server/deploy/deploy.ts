import { homeFolder, lease, withHomeLock, writableFolder } from '../../home/index.ts'
import { freeBytes } from '../../machine/index.ts'
import { bytes, estimate } from '../../text/numbers.ts'
import { DeployError } from './errors.ts'
import { look, readyOf } from './find.ts'
import { type Deployment, type DeployRequest, say, wantedOf } from './request.ts'
import { type DeployStep, planDeployment } from './steps.ts'

/** See `deploy` in index.ts. */
export async function deploy(request: DeployRequest): Promise<Deployment> {
  const ready = readyOf(await look(request))
  if (ready !== undefined) return ready
  return await withDeployLock(request, async (signal) => {
    const plan = await planDeployment({ ...request, signal })
    const todo: DeployStep[] = []
    for (const step of plan.steps) if (!(await step.isDone())) todo.push(step)
    await requireRoom(todo)
    for (const step of todo) {
      signal.throwIfAborted()
      const { seconds } = step.expense
      say(request)(`${step.title}${seconds > 1 ? `: about ${estimate(seconds)}` : ''}`)
      await step.work()
    }
    const state = await look(plan.request)
    const made = readyOf(state)
    if (made !== undefined) return made
    throw new DeployError(`what GPUs need was made in ${homeFolder()}, and does not fit: ${state.why}`)
  })
}

/** See `withDeployLock` in index.ts. */
export async function withDeployLock<Result>(
  request: DeployRequest,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { id, form } = wantedOf(request)
  await using _ = await lease(request.base.folder)
  return await withHomeLock(`deploy-${id}-${form}`, work, {
    signal: request.signal,
    onWait: (owner) => say(request)(`waiting for ${owner}, which makes the same`),
  })
}

/** @throws DeployError before anything long begins */
async function requireRoom(steps: readonly DeployStep[]): Promise<void> {
  const needed = steps.reduce((sum, { expense }) => sum + expense.bytes, 0)
  const folder = await writableFolder()
  const free = await freeBytes(folder)
  if (needed <= free) return
  throw new DeployError(
    `${folder}: the disk is too small: ${bytes(needed)} are needed, and ${bytes(free)} are free`,
    { kind: 'inputOutput', detail: { code: 'no-room-in-home', data: {} } },
  )
}
