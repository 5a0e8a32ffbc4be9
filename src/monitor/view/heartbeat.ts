import { MODEL_NAMES, MODELS } from '../work.ts'
import { duration, short, whole } from './format.ts'
import type { Status } from './picture.ts'

/** A sign of life in one line, for logs. */
export function heartbeat({ frames, models, speeds, secondsLeft, inputRead }: Status): string {
  const embedded = MODELS.map((model) => `${MODEL_NAMES[model]} ${whole(models[model].sequences)}`).join(', ')
  const speed = MODELS.reduce((sum, model) => sum + (speeds[model]?.tokensPerSecond ?? 0), 0)
  const all = frames.expected === undefined ? '' : ` of ${inputRead ? '' : 'about '}${whole(frames.expected)}`
  const left = secondsLeft === undefined ? 'time left unknown yet' : `about ${duration(secondsLeft)} left`
  return (
    `embedded sequences: ${embedded}; ${short(speed)} tokens/s; ${whole(frames.done)}${all} frames done, ` +
    `${whole(frames.prepared)} read; ${left}`
  )
}
