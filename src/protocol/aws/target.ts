import type { Unclassifiable } from '../operation.js'
import type { Target } from '../request.js'
import { parseKeyTarget } from '../target.js'
import { isUnclassifiable, unclassifiable } from '../unclassifiable.js'

/**
 * Admits a target of any AWS service: S3's keys may hold what no path of names may, and which service is called is
 * known later. A raw `+` in the query is refused: for a form it is a space, for RFC 3986 a plus.
 */
export function parseAwsTarget(raw: string): Target | Unclassifiable {
  const target = parseKeyTarget(raw)
  if (isUnclassifiable(target)) return target
  return target.query?.includes('+') === true ? unclassifiable('target_plus') : target
}
