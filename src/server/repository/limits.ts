import { quote } from './quote.ts'
import type { ModelRequest } from './request.ts'

/** Shapes that the plans of a model take, ROWSxTOKENS,...; empty for any. */
export function shapesOf({ plans }: ModelRequest): string {
  return (plans[0]?.sidecar.profiles ?? []).map(({ max }) => max.join('x')).join(',')
}

/** Parameters that tell clients what a batch may be, as entries of `parameters`. */
export function limitEntries(request: ModelRequest): string {
  const lines = [
    '  # Most rows of batches up to so many tokens long, ROWSxTOKENS,...; larger ones are refused.',
    parameter('shapes', shapesOf(request)),
  ]
  if (request.tuned !== undefined) {
    lines[1] += ','
    lines.push('  # Padded tokens of a batch that "virnucpro engines tune" found best.')
    lines.push(parameter('token_budget', String(request.tuned)))
  }
  return lines.join('\n')
}

function parameter(key: string, value: string): string {
  return `  { key: ${quote(key)} value: { string_value: ${quote(value)} } }`
}
