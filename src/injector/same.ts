/** Whether two values of JSON are the same; members that are absent and null are, as for the API server. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b || (isNothing(a) && isNothing(b))) return true
  if (typeof a !== 'object' || typeof b !== 'object' || isNothing(a) || isNothing(b)) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false
  const keys = new Set([...Object.keys(a as object), ...Object.keys(b as object)])
  return [...keys].every(key => isSame(member(a, key), member(b, key)))
}

function member(of: unknown, key: string): unknown {
  return Object.hasOwn(of as object, key) ? (of as Record<string, unknown>)[key] : undefined
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null
}
