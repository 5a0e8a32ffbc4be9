import { FEATURE_ORDER, MODELS } from '../../bundle/index.ts'
import { brief, estimate, integer } from '../../text/numbers.ts'
import type { Status } from './picture.ts'

/** A sign of life in one line, for logs. */
export function heartbeat({ frames, models, speeds, secondsLeft, inputRead }: Status): string {
  const embedded = FEATURE_ORDER.map(
    (model) => `${MODELS[model].label} ${integer(models[model].sequences)}`,
  ).join(', ')
  const speed = FEATURE_ORDER.reduce((sum, model) => sum + (speeds[model]?.tokensPerSecond ?? 0), 0)
  const all =
    frames.expected === undefined ? '' : ` of ${inputRead ? '' : 'about '}${integer(frames.expected)}`
  const left = secondsLeft === undefined ? 'time left unknown yet' : `about ${estimate(secondsLeft)} left`
  return (
    `embedded sequences: ${embedded}; ${brief(speed)} tokens/s; ${integer(frames.done)}${all} frames done, ` +
    `${integer(frames.prepared)} read; ${left}`
  )
}
