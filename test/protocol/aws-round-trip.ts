/**
 * Where decoded arguments differ from what a client of botocore was given: paths, empty for none. Scalars have to be
 * equal; what a client leaves out because it is empty, and how it writes a time, is its own affair.
 */
export function differences(given: unknown, decoded: unknown, at = ''): readonly string[] {
  if (isEmpty(given)) return []
  if (Array.isArray(given)) {
    if (!Array.isArray(decoded)) return [at]
    return given.flatMap((item, i) => differences(item, decoded[i], `${at}[${i}]`))
  }
  if (typeof given !== 'object' || given === null) return given === decoded ? [] : [at]
  if ('$time' in given) return typeof decoded === 'string' ? [] : [at]
  if ('$blob' in given) return given.$blob === decoded ? [] : [at]
  if (typeof decoded !== 'object' || decoded === null) return [at]
  return Object.entries(given).flatMap(([name, member]) =>
    differences(member, (decoded as Record<string, unknown>)[name], `${at}.${name}`),
  )
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty)
  return typeof value === 'object' && value !== null && Object.values(value).every(isEmpty)
}
