import type { Node } from '@/api/types'
import { formatBytes, formatSpan } from '@/parts/format'

const skewMs = 60_000
const freeShare = 1 / 20

/** What there is to see to at a node, in words; empty when all is well. */
export function troubles({ health }: Node): readonly string[] {
  if (!health) return []
  return [
    ...(health.state === 'failing' ? ['takes no events'] : []),
    ...(Math.abs(health.clock_skew_ms) > skewMs ? [`clock ${formatSpan(Math.abs(health.clock_skew_ms))} ${health.clock_skew_ms > 0 ? 'ahead' : 'behind'}`] : []),
    ...(health.free_bytes < health.total_bytes * freeShare ? [`${formatBytes(health.free_bytes)} of disk free`] : []),
  ]
}
