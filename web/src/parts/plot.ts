/** What all plots over time share: colours from the design tokens, and a time axis in the page's zone. */
import uPlot from 'uplot'
import { formatTime, type Zone } from './time'

/** The colour a token has now, for canvases. */
export function colourOf(token: string, at: HTMLElement): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--color-${token})`
  at.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}

/** Axes for times in seconds and counts. */
export function axesFor(zone: Zone, at: HTMLElement): uPlot.Axis[] {
  const look = {
    stroke: colourOf('ink-faint', at),
    font: '11px ui-sans-serif, system-ui, "Liberation Sans", sans-serif',
    grid: { stroke: colourOf('line', at), width: 1 },
    ticks: { stroke: colourOf('line', at), width: 1, size: 4 },
  }
  return [
    { ...look, grid: { show: false }, size: 24, space: 90, values: (_plot, splits, _axis, _space, step) => timeTicks(splits, step, zone) },
    { ...look, size: 48, space: 22, values: (_plot, splits) => splits.map((n) => (Number.isInteger(n) ? shortCount(n) : '')) },
  ]
}

/** A date for the zone whose local parts uPlot reads to find round ticks. */
export function dateIn(zone: Zone): (seconds: number) => Date {
  return (seconds) => (zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000))
}

/** Names ticks as finely as they lie apart, with the day where it changes. */
export function timeTicks(splits: readonly number[], stepSeconds: number, zone: Zone): string[] {
  let day = ''
  return splits.map((seconds) => {
    const text = formatTime(Math.round(seconds * 1000), zone)
    const [date = '', time = ''] = text.split(' ')
    if (stepSeconds >= 86_400) return date
    const newDay = date !== day && (day !== '' || time.startsWith('00:00'))
    day = date
    const clock = stepSeconds >= 60 ? time.slice(0, 5) : stepSeconds >= 1 ? time.slice(0, 8) : time
    return newDay ? `${date.slice(5)} ${clock}` : clock
  })
}

function shortCount(n: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(n)
}
