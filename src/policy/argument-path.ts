import type { JsonObject, JsonValue } from '../canon/index.js'

/* Places within arguments: `['Filters', '[]', 'Name']` is the name of a list's first filter. */

export type Path = readonly string[]

export function place(args: JsonObject, path: readonly string[], value: JsonValue): void {
  const [step, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) {
    args[step] = value
    return
  }
  if (rest[0] === '[]') {
    const inner = rest.slice(1)
    if (inner.length === 0) args[step] = [value]
    else {
      const known = args[step]
      const item = Array.isArray(known) && isObject(known[0]) ? known[0] : {}
      place(item, inner, value)
      args[step] = [item]
    }
    return
  }
  const known = args[step]
  const inner = isObject(known) ? known : {}
  place(inner, rest, value)
  args[step] = inner
}

/** A text that was placed before. */
export function valueAt(args: JsonObject, path: Path): string | null {
  let at: JsonValue | undefined = args
  for (const step of path) {
    if (step === '[]') at = Array.isArray(at) ? at[0] : undefined
    else at = isObject(at) ? at[step] : undefined
  }
  return typeof at === 'string' ? at : null
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
