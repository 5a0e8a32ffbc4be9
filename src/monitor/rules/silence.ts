import {
  deviceIn,
  type Finding,
  laneIn,
  type Observation,
  type Rule,
  SAMPLES,
  waitingFor,
} from './history.ts'

/** How long a device may do nothing while work is waiting. */
const IDLE_SECONDS = 60

/** Servers that have stopped answering, or whose answers the backend has given up waiting for. */
export const stalled: Rule = {
  over: { samples: SAMPLES },
  check(span, newest) {
    const servers = new Set(newest.lanes.flatMap(({ server }) => server ?? []))
    const seconds = Math.round(newest.sample.seconds - span[0]!.sample.seconds)
    return [...servers].flatMap((server) => stalledServer(server, span, newest, seconds))
  },
}

function stalledServer(
  server: string,
  span: readonly Observation[],
  newest: Observation,
  seconds: number,
): Finding[] {
  const lanes = newest.lanes
    .filter((lane) => lane.server === server)
    .map(({ name }) => ({ name, states: span.map((observation) => laneIn(observation, name)) }))
  // A server that gives no statistics but works is healthy.
  const isMute = lanes.some(({ states: [first, ...others] }) =>
    [first, ...others].every((state) => state?.answers === false && state.batches === first?.batches),
  )
  const others = newest.lanes.some((lane) => lane.server !== server && lane.answers && lane.healthy)
  const consequence = others ? 'its batches go to the others' : 'the run waits for it'
  const detail = others ? {} : ({ detail: { code: 'server-stalled', data: {} } } as const)
  if (isMute) {
    const message = `stalled: the server at ${server} has not answered for ${seconds} s or more, and ${consequence}; check that its process runs, and read its log`
    return [{ code: 'stalled', device: server, message, ...detail }]
  }
  return lanes
    .filter(({ states }) => states.every((state) => state?.healthy === false))
    .map(({ name }) => {
      const message = `stalled: ${name} gives no answers, though its server does, and ${consequence}; read what the server's log says of this model`
      return { code: 'stalled', device: name, message, ...detail }
    })
}

/** Devices that do nothing while work is waiting. */
export const idle: Rule = {
  over: { seconds: IDLE_SECONDS },
  check(span, newest) {
    const lanes = newest.lanes.filter(({ name, model }) => {
      const done = laneIn(span[0]!, name)?.batches
      return span.every((observation) => {
        const lane = laneIn(observation, name)
        const isFree = lane?.healthy && lane.answers && lane.inFlight === 0 && lane.batches === done
        return isFree && waitingFor(observation, model) > 0
      })
    })
    const gpus = newest.sample.devices.filter(
      ({ name, kind }) =>
        kind === 'gpu' &&
        // One of this machine that no server has named may be there for something else.
        name.includes(' at ') &&
        span.every((each) => waitingFor(each, undefined) > 0 && deviceIn(each, name)?.busy === 0),
    )
    return [
      ...lanes.map(({ name }) => finding(name, "read the server's log for errors of this model")),
      ...gpus.map(({ name }) => ({
        ...finding(
          name,
          'no model of the server may have an instance on it: see instance_group in the model repository',
        ),
        detail: { code: 'gpu-idle', data: {} } as const,
      })),
    ]
  },
}

function finding(device: string, advice: string): Finding {
  const message = `idle: ${device} has done nothing for ${IDLE_SECONDS} s while work is waiting; ${advice}`
  return { code: 'idle', device, message }
}
