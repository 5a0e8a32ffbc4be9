import { deviceIn, type Finding, type Rule, SAMPLES } from './history.ts'

const ADVICE = {
  thermal: 'it is too hot: check its cooling and what runs beside it',
  power:
    'it has reached its power limit, which is usual at full load; nvidia-smi -q -d POWER shows the limit',
}

/** GPUs whose clocks have been held down for some samples. */
export const throttled: Rule = {
  over: { samples: SAMPLES },
  check: (span, { sample }) =>
    sample.devices.flatMap(({ name, throttled: reasons = [] }) =>
      reasons
        .filter((reason) => span.every((each) => deviceIn(each, name)?.throttled?.includes(reason)))
        .map((reason): Finding => {
          const message = `throttled: the clocks of ${name} are lowered (${reason}): ${ADVICE[reason]}`
          return { code: 'throttled', device: name, message }
        }),
    ),
}
