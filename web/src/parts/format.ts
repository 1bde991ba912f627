/** How numbers, sizes and spans of time are written on the page. */
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** 1234567 as 1,234,567. */
export function formatCount(n: number): string {
  return whole.format(n)
}

/** 1234567 as 1.2M; below 10,000 in full. */
export function formatCompact(n: number): string {
  return Math.abs(n) < 10_000 ? whole.format(n) : compact.format(n)
}

/** 1536 as 1.5 KiB. */
export function formatBytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = n < 1 ? 0 : Math.min(Math.floor(Math.log2(n) / 10), units.length - 1)
  const scaled = n / 1024 ** power
  return `${power === 0 || scaled >= 100 ? whole.format(scaled) : scaled.toFixed(1)} ${units[power] ?? ''}`
}

/** Milliseconds as 420 ms, 3.2 s, 2 min 5 s, 3 h 10 min, 4 d 2 h. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${String(Math.max(0, Math.round(ms)))} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const [big, small, unit, part] =
    ms < 3_600_000 ? [60_000, 1000, 'min', 's'] : ms < 86_400_000 ? [3_600_000, 60_000, 'h', 'min'] : [86_400_000, 3_600_000, 'd', 'h']
  const rest = Math.floor((ms % Number(big)) / Number(small))
  return `${String(Math.floor(ms / Number(big)))} ${String(unit)}${rest > 0 ? ` ${String(rest)} ${String(part)}` : ''}`
}

/** "1 row", "2 rows". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`
}
