import type { OperationClass } from '../../src/protocol/index.js'
import { PRIVILEGED_NAMES, PRIVILEGES } from './aws-privileges.js'
import { BILLING, EFFECTS, OPAQUE } from './aws-reviewed.js'
import { SECRETS } from './aws-secrets.js'
import { type AccessLevel, type Effect, effectOf } from './aws-verbs.js'

/** Tables of `service: Operation Operation…`, a line each. */
type Reviews = ReadonlySet<string>

const REVIEWS = {
  sensitive_read: reviews(SECRETS),
  privilege: reviews(PRIVILEGES),
  billing: reviews(BILLING),
  opaque: reviews(OPAQUE),
} as const

const REVIEWED_EFFECTS: ReadonlyMap<string, Effect> = new Map(
  Object.entries(EFFECTS).flatMap(([effect, table]) =>
    [...reviews(table)].map(name => [name, effect as Effect] as const),
  ),
)

/**
 * What an operation does, as a set: its effect on data and settings, and what else hangs on it. Reading, creating and
 * updating are left out where something graver is there already, so that who allows `privilege` needn't say `update` too;
 * a payload that isn't understood is no such thing.
 */
export function awsClasses(service: string, name: string, level: AccessLevel): readonly OperationClass[] {
  const id = `${service}:${name}`
  const effect = REVIEWED_EFFECTS.get(id) ?? effectOf(name, level)
  const graver: OperationClass[] = []
  if (REVIEWS.sensitive_read.has(id)) graver.push('sensitive_read')
  if (isPrivilege(id, name, level, effect)) graver.push('privilege')
  if (REVIEWS.billing.has(id)) graver.push('billing')
  const lasting = effect === 'destructive' || effect === 'irreversible'
  const classes = graver.length === 0 || lasting ? [...graver, effect] : graver
  if (REVIEWS.opaque.has(id)) classes.push('opaque')
  return classes.sort()
}

function isPrivilege(id: string, name: string, level: AccessLevel, effect: Effect): boolean {
  if (level === 'permissions' || REVIEWS.privilege.has(id)) return true
  return effect !== 'read' && level !== 'tagging' && PRIVILEGED_NAMES.some(pattern => pattern.test(name))
}

/** Throws on a reviewed operation that the package no longer has. */
export function checkClasses(operations: ReadonlySet<string>): void {
  const reviewed = [...Object.values(REVIEWS).flatMap(table => [...table]), ...REVIEWED_EFFECTS.keys()]
  const unknown = reviewed.filter(name => !operations.has(name))
  if (unknown.length > 0)
    throw new Error(`aws-classes: reviewed, but not in the package:\n${unknown.join('\n')}`)
}

function reviews(table: string): Reviews {
  const names = table
    .trim()
    .split('\n')
    .flatMap(line => {
      const [service, operations] = line.split(': ') as [string, string]
      return operations.split(' ').map(name => `${service}:${name}`)
    })
  return new Set(names)
}
