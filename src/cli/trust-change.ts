import { parsePublicKey } from '../canon/index.js'
import {
  retireKey,
  revokeKey,
  TRUST_ROLES,
  type TrustRole,
  type TrustRoot,
  type TrustRootChange,
} from '../policy/index.js'
import { UsageError } from './io.js'

/** What `trust rotate` is asked to change. */
export interface TrustChangeFlags {
  /** `ROLE/NAME=ed25519:…` each. */
  readonly add?: readonly string[]
  /** Key names, or keys of instances as `ed25519:…`. */
  readonly revoke?: readonly string[]
  /** RFC 3339, UTC: since when these are not to be believed. */
  readonly revokedSince?: string
  /** Key names. */
  readonly retire?: readonly string[]
  /** Content ids. */
  readonly revokeId?: readonly string[]
  /** `ROLE=K` each. */
  readonly threshold?: readonly string[]
  readonly testAudience?: readonly string[]
  readonly minPolicyVersion?: string
}

/** The change that the flags ask for; null where they ask for none. Throws a UsageError for a flag that can't be read. */
export function changeOf(current: TrustRoot, flags: TrustChangeFlags): TrustRootChange | null {
  let next = current
  for (const text of flags.add ?? []) next = { ...next, ...addedKey(next, text) }
  if (flags.revokedSince !== undefined && flags.revoke === undefined)
    throw new UsageError(
      '--revoked-since says since when a revoked key is not believed',
      'Name the key with --revoke.',
    )
  for (const name of flags.revoke ?? []) next = { ...next, ...revokeKey(next, name, flags.revokedSince) }
  for (const name of flags.retire ?? []) next = { ...next, ...retireKey(next, name) }
  for (const text of flags.threshold ?? []) next = { ...next, ...changedThreshold(next, text) }
  if (flags.revokeId !== undefined) {
    const ids = [...new Set([...next.revoked.ids, ...flags.revokeId])]
    next = { ...next, revoked: { ...next.revoked, ids } }
  }
  if (flags.testAudience !== undefined) next = { ...next, testAudiences: flags.testAudience }
  if (flags.minPolicyVersion !== undefined) {
    next = { ...next, minPolicyVersion: wholeNumber(flags.minPolicyVersion, '--min-policy-version') }
  }
  if (next === current) return null
  refuseOutOfReach(next)
  const { keys, roles, revoked, minPolicyVersion, testAudiences } = next
  return { keys, roles, revoked, minPolicyVersion, testAudiences }
}

/** Nobody could sign for such a role any more, and nobody could open the version that says so. */
function refuseOutOfReach({ roles }: TrustRoot): void {
  const lost = TRUST_ROLES.find(role => roles[role].keys.length < roles[role].threshold)
  if (lost === undefined) return
  const { keys, threshold } = roles[lost]
  throw new UsageError(
    `that leaves the role ${lost} ${keys.length === 0 ? 'no key' : `${keys.length} of its keys`}, and ${threshold} must sign`,
    `Give it another in the same command, --add ${lost}/NAME=ed25519:…${keys.length === 0 ? '' : `, or lower --threshold ${lost}=K`}.`,
  )
}

function addedKey(root: TrustRoot, text: string): TrustRootChange {
  const match = /^([a-z]+)\/([^=]+)=(ed25519:.+)$/.exec(text)
  if (match === null) throw new UsageError(`cannot read --add ${text}`, 'Write --add ROLE/NAME=ed25519:….')
  const [, roleName, name, key] = match as unknown as [string, string, string, string]
  const role = roleOf(roleName)
  parsePublicKey(key)
  if (Object.hasOwn(root.keys, name) && root.keys[name] !== key) {
    throw new UsageError(`the name ${name} belongs to another key`, 'Choose another name.')
  }
  const { keys, threshold } = root.roles[role]
  return {
    keys: { ...root.keys, [name]: key },
    roles: { ...root.roles, [role]: { keys: [...new Set([...keys, name])], threshold } },
  }
}

function changedThreshold(root: TrustRoot, text: string): TrustRootChange {
  const [roleName, count, ...rest] = text.split('=')
  if (count === undefined || rest.length > 0)
    throw new UsageError(`cannot read --threshold ${text}`, 'Write --threshold ROLE=K.')
  const role = roleOf(roleName ?? '')
  return { roles: { ...root.roles, [role]: { ...root.roles[role], threshold: wholeNumber(count, text) } } }
}

/** The role of that name; throws a UsageError that lists them. */
export function roleOf(name: string): TrustRole {
  const role = TRUST_ROLES.find(each => each === name)
  if (role === undefined)
    throw new UsageError(`there is no role ${name}`, `The roles are ${TRUST_ROLES.join(', ')}.`)
  return role
}

export function wholeNumber(text: string, what: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new UsageError(`cannot read ${what}`, 'Write a whole number.')
  return Number(text)
}
