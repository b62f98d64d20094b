import { TRUST_ROLES, type TrustRole, type TrustRoot } from '../policy/index.js'
import { shortWord } from './entry-text.js'

/** What a version of the trust root changes, a line each, for whoever is to sign it; never empty. */
export function trustChangeLines(before: TrustRoot, next: TrustRoot): readonly string[] {
  const lines = [
    ...TRUST_ROLES.flatMap(role => roleLines(role, before, next)),
    ...revocationLines(before, next),
    ...floorLines(before, next),
  ]
  return lines.length === 0 ? ['nothing'] : lines
}

/** Keys are compared by what they are: a name may stay and stand for another key. */
function roleLines(role: TrustRole, before: TrustRoot, next: TrustRoot): readonly string[] {
  const [had, has] = [holdersOf(role, before), holdersOf(role, next)]
  const lost = [...had].filter(([key, name]) => has.get(key) !== name)
  const gained = [...has].filter(([key, name]) => had.get(key) !== name)
  const asked = ({ roles }: TrustRoot) => `${roles[role].threshold} of ${roles[role].keys.length}`
  return [
    ...lost.map(([key, name]) => `${role}: not ${name} any more  ${key}`),
    ...gained.map(([key, name]) => `${role}: ${name} is new  ${key}`),
    ...(asked(before) === asked(next) ? [] : [`${role}: ${asked(next)} must sign, ${asked(before)} before`]),
  ]
}

/** `ed25519:…` → name. */
function holdersOf(role: TrustRole, { keys, roles }: TrustRoot): ReadonlyMap<string, string> {
  return new Map(roles[role].keys.map(name => [keys[name] as string, name]))
}

function revocationLines(before: TrustRoot, next: TrustRoot): readonly string[] {
  const sinceOf = ({ revoked }: TrustRoot, key: string) => revoked.since?.[key]
  const ids = next.revoked.ids.filter(id => !before.revoked.ids.includes(id))
  const keys = next.revoked.keys.filter(
    key => !before.revoked.keys.includes(key) || sinceOf(before, key) !== sinceOf(next, key),
  )
  return [
    ...keys.map(key => {
      const since = sinceOf(next, key)
      return `revoked: ${key}${since === undefined ? '' : `  since ${since}`}`
    }),
    ...ids.map(id => `revoked: ${id}`),
  ]
}

function floorLines(before: TrustRoot, next: TrustRoot): readonly string[] {
  const audiences = ({ testAudiences }: TrustRoot) => testAudiences.map(shortWord).join(', ') || 'none'
  return [
    ...(before.minPolicyVersion === next.minPolicyVersion
      ? []
      : [`policies from version ${next.minPolicyVersion} on, ${before.minPolicyVersion} before`]),
    ...(audiences(before) === audiences(next)
      ? []
      : [`not production: ${audiences(next)}; ${audiences(before)} before`]),
  ]
}
