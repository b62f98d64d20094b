import type { Refusals } from './refusal.js'

/** What a field of a pod may hold. `open` is for what can't matter here, whatever stands in it. */
export type Shape =
  | { readonly kind: 'text' | 'number' | 'flag' | 'quantity' | 'open' }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Shape>> }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }

export const TEXT: Shape = { kind: 'text' }
export const NUMBER: Shape = { kind: 'number' }
export const FLAG: Shape = { kind: 'flag' }
/** A number, or a text such as `500m` or the name of a port. */
export const QUANTITY: Shape = { kind: 'quantity' }
export const OPEN: Shape = { kind: 'open' }
export const object = (fields: Readonly<Record<string, Shape>>): Shape => ({ kind: 'object', fields })
export const list = (of: Shape): Shape => ({ kind: 'list', of })
export const map = (of: Shape): Shape => ({ kind: 'map', of })

/** Holds a value to a shape: what has another type is `pod_malformed`, what the shape doesn't name `pod_field_unknown`. An absent or null field is no fault. */
export function checkShape(value: unknown, shape: Shape, at: string, refusals: Refusals): void {
  if (value === undefined || value === null) return
  switch (shape.kind) {
    case 'open':
      return
    case 'text':
    case 'number':
    case 'flag':
    case 'quantity':
      if (!fits(value, shape.kind)) refusals.add('pod_malformed', at)
      return
    case 'list':
      if (!Array.isArray(value)) {
        refusals.add('pod_malformed', at)
        return
      }
      for (const [i, each] of value.entries()) {
        if (each === null || each === undefined) refusals.add('pod_malformed', `${at}[${i}]`)
        else checkShape(each, shape.of, `${at}[${i}]`, refusals)
      }
      return
    case 'map':
    case 'object':
      if (typeof value !== 'object' || Array.isArray(value)) {
        refusals.add('pod_malformed', at)
        return
      }
      for (const [name, each] of Object.entries(value)) {
        const place = at === '' ? name : `${at}.${name}`
        const field = shape.kind === 'map' ? shape.of : ownField(shape.fields, name)
        if (field === undefined) refusals.add('pod_field_unknown', place)
        else checkShape(each, field, place, refusals)
      }
  }
}

function ownField(fields: Readonly<Record<string, Shape>>, name: string): Shape | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

function fits(value: unknown, kind: 'text' | 'number' | 'flag' | 'quantity'): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string'
    case 'number':
      return Number.isSafeInteger(value)
    case 'flag':
      return typeof value === 'boolean'
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number'
  }
}
