import { type Finding, lasting, latest, type Rule, waitingFor } from './history.ts'

/** How long a device may do nothing while work is waiting. */
const IDLE_SECONDS = 60

/** Servers that have stopped answering, or whose answers the backend has given up waiting for. */
export const stalled: Rule = (history) => {
  const recent = latest(history)
  const newest = recent?.at(-1)
  if (recent === undefined || newest === undefined) return []
  const servers = new Map<string, { mute: boolean; lanes: string[] }>()
  for (const { name, server } of newest.lanes) {
    if (server === undefined) continue
    const states = recent.map(({ lanes }) => lanes.find((lane) => lane.name === name))
    // A server that does not tell statistics, and works, is well.
    const mute = states.every((state) => state?.answers === false && state.batches === states[0]?.batches)
    const out = states.every((state) => state?.inOrder === false)
    if (!mute && !out) continue
    const found = servers.get(server) ?? { mute: false, lanes: [] }
    servers.set(server, { mute: found.mute || mute, lanes: [...found.lanes, name] })
  }
  const seconds = Math.round(newest.sample.seconds - (recent[0]?.sample.seconds ?? 0))
  return [...servers].flatMap(([server, { mute, lanes }]): Finding[] => {
    const others = newest.lanes.some((lane) => lane.server !== server && lane.answers && lane.inOrder)
    const consequence = others
      ? 'Its batches go to the others'
      : 'The run waits for it, until --server-timeout is over'
    if (mute) {
      const message = `stalled: the server at ${server} has not answered for ${seconds} s or more. ${consequence}; look whether its process runs and what its log says`
      return [{ code: 'stalled', device: server, message }]
    }
    return lanes.map((lane) => ({
      code: 'stalled',
      device: lane,
      message: `stalled: ${lane} gives no answers, though its server does. ${consequence}; look into the server's log for this model`,
    }))
  })
}

/** Devices that do nothing while work is waiting. */
export const idle: Rule = (history) => {
  const span = lasting(history, IDLE_SECONDS)
  const newest = span?.at(-1)
  if (span === undefined || newest === undefined) return []
  const findings: Finding[] = []
  for (const { name, model } of newest.lanes) {
    const states = span.map((observation) => ({
      lane: observation.lanes.find((lane) => lane.name === name),
      waiting: waitingFor(observation, model),
    }))
    const done = states[0]?.lane?.batches
    const nothing = states.every(
      ({ lane, waiting }) =>
        waiting > 0 &&
        lane !== undefined &&
        lane.inOrder &&
        lane.answers &&
        lane.inFlight === 0 &&
        lane.batches === done,
    )
    if (nothing) findings.push(finding(name, "look into the server's log for errors of this model"))
  }
  for (const { name, kind } of newest.sample.devices) {
    // One of this machine that no server has named may be there for something else.
    if (kind !== 'gpu' || !name.includes(' at ')) continue
    const nothing = span.every(
      (observation) =>
        waitingFor(observation, undefined) > 0 &&
        observation.sample.devices.find((device) => device.name === name)?.busy === 0,
    )
    if (nothing) {
      const advice =
        'no model of the server may have an instance on it: see instance_group in the model repository, or start one server for each GPU with "virnucpro serve --per-gpu"'
      findings.push(finding(name, advice))
    }
  }
  return findings
}

function finding(device: string, advice: string): Finding {
  const message = `idle: ${device} has done nothing for ${IDLE_SECONDS} s while work is waiting; ${advice}`
  return { code: 'idle', device, message }
}
