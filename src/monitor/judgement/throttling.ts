import { type Finding, latest, type Rule } from './history.ts'

const ADVICE = {
  thermal: 'it is too hot: see to its cooling and to what runs beside it',
  power:
    'it has reached its power limit, which is usual at full load; nvidia-smi -q -d POWER shows the limit',
}

/** GPUs whose clocks have been held down for some samples. */
export const throttled: Rule = (history) => {
  const recent = latest(history)
  const newest = recent?.at(-1)
  if (recent === undefined || newest === undefined) return []
  return newest.sample.devices.flatMap(({ name, throttled: reasons = [] }) =>
    reasons.flatMap((reason): Finding[] => {
      const steady = recent.every(({ sample }) =>
        sample.devices.find((device) => device.name === name)?.throttled?.includes(reason),
      )
      if (!steady) return []
      const message = `throttled: the clocks of ${name} are lowered (${reason}): ${ADVICE[reason]}`
      return [{ code: 'throttled', device: name, message }]
    }),
  )
}
