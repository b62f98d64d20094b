import type { CompiledPolicy } from './compiled.js'
import type { Extent, Supposition } from './supposition.js'

const DAY_MINUTES = 1_440

/** When a rule's windows are open, worked out once. */
export type Hours =
  | { readonly kind: 'always' }
  /** Windows in different zones: their times can't be put together. */
  | { readonly kind: 'mixed' }
  | { readonly kind: 'minutes'; readonly zone: string; readonly open: readonly boolean[] }

/** Minutes of the local day at which one of the windows of a rule is open; a rule without windows holds always. */
export function hoursOf(during: readonly string[] | undefined, windows: CompiledPolicy['windows']): Hours {
  if (during === undefined) return { kind: 'always' }
  const all = during.flatMap(name => windows[name] ?? [])
  const zone = all[0]?.zone ?? 'UTC'
  if (all.some(window => window.zone !== zone)) return { kind: 'mixed' }
  const open = Array.from({ length: DAY_MINUTES }, (_, minute) =>
    all.some(({ from, to }) => (from < to ? from <= minute && minute < to : from <= minute || minute < to)),
  )
  return open.every(Boolean) ? { kind: 'always' } : { kind: 'minutes', zone, open }
}

/** Whether the hours hold at no time, some times or all times that are supposed. Exact within one zone. */
export function hoursExtent(hours: Hours, supposed: Supposition): Extent {
  if (hours.kind === 'always') return 'all'
  if (hours.kind === 'mixed') return 'some'
  const possible = supposed.minutes.get(hours.zone)
  if (possible === undefined) return hours.open.includes(true) ? 'some' : 'no'
  if (!hours.open.some((open, minute) => open && possible[minute])) return 'no'
  return hours.open.every((open, minute) => open || !possible[minute]) ? 'all' : 'some'
}

/** The same requests, at the times at which the hours hold. */
export function supposeHours(hours: Hours, supposed: Supposition): Supposition {
  if (hours.kind !== 'minutes') return supposed
  const before = supposed.minutes.get(hours.zone)
  const open =
    before === undefined ? hours.open : hours.open.map((each, minute) => each && before[minute] === true)
  return { ...supposed, minutes: new Map(supposed.minutes).set(hours.zone, open) }
}
