import {
  type Crypto,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
  parseStrictJson,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { keysOfRole, requireThreshold, signersOf } from './signatures.js'
import { isWithdrawn, readTrustRoot, revokedSinceMs, TRUST_ROLES, type TrustRoot } from './trust.js'

/**
 * The chain in the file of a trust root: a JSON array of DSSE envelopes, oldest first. Throws `trust_root_malformed`
 * where it is no array.
 */
export function readTrustChain(file: Uint8Array): readonly Uint8Array[] {
  const chain = parseStrictJson(file, { maxDepth: 8, integersOnly: true })
  if (!Array.isArray(chain)) throw policyFault('trust_root_malformed', 'the file holds no array of envelopes')
  return chain.map(envelope => canonicalBytes(envelope))
}

/**
 * Opens a chain of sealed trust roots, oldest first, and returns the newest. It must start at version 1; each
 * version names the one before by content id and is signed by the `root` role of the one before *and* by its own
 * (as TUF §5.3.4 has it: nobody can hand over to keys that nobody holds). `pin` is the content id of any one
 * version: what comes before it is vouched for by the links, what comes after by the signatures, so that a
 * rotation needs no new configuration. Move the pin forward after a revocation: only that refuses a chain that
 * was cut back to before it.
 *
 * Throws `trust_root_malformed`, `trust_root_chain`, `trust_root_pin`, `payload_type_wrong`, or what is wrong
 * with the signatures.
 */
export function openTrustRoot(
  chain: readonly Uint8Array[],
  pin: string,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): TrustRoot {
  return openTrustChain(chain, pin, crypto).at(-1) as TrustRoot
}

/** All versions of the chain, oldest first: never empty. For who has to know what an earlier one said; see `openTrustRoot`. */
export function openTrustChain(
  chain: readonly Uint8Array[],
  pin: string,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): readonly TrustRoot[] {
  const versions: TrustRoot[] = []
  let pinned = false
  for (const bytes of chain) {
    const envelope = decodeEnvelope(bytes)
    versions.push(openNext(envelope, versions.at(-1) ?? null, crypto))
    pinned ||= contentId(crypto, envelope.payload) === pin
  }
  if (versions.length === 0) throw policyFault('trust_root_chain', 'it is empty')
  // ATTACK: a chain of the attacker's own making is whole in itself. Trust comes from the pin alone.
  if (!pinned) throw policyFault('trust_root_pin', pin)
  return versions
}

/** A version of the trust root that somebody has seen, and its content id. */
export interface SeenTrustRoot {
  readonly version: number
  readonly cid: string
}

/**
 * Throws `trust_root_behind` unless the chain has the version that was seen. The pin is the way out, where what was seen is
 * wrong: a pinned version that isn't older stands for itself.
 *
 * ATTACK: a chain that was cut back to before a revocation is whole in itself, and one that goes on otherwise is signed as well: by a root key
 * that was handed over since.
 */
export function requireSeen(
  versions: readonly TrustRoot[],
  pin: string,
  seen: SeenTrustRoot | null,
  crypto: Pick<Crypto, 'sha256'>,
): void {
  if (seen === null) return
  const found = versions.some(
    root => root.version >= seen.version && [pin, seen.cid].includes(trustRootId(root, crypto)),
  )
  if (!found) throw policyFault('trust_root_behind', `version ${seen.version} was ${seen.cid}`)
}

/** Opens one sealed version against the one before it (null for the first). Says nothing about the pin. */
export function openNext(
  envelope: Envelope,
  before: TrustRoot | null,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): TrustRoot {
  if (envelope.payloadType !== PAYLOAD_TYPES.trustRoot) throw policyFault('payload_type_wrong')
  const root = readTrustRoot(parseCanonical(envelope.payload))
  checkSuccession(root, before, crypto)
  const roots = before === null ? [root] : [before, root]
  const signers = signersOf(crypto, envelope, [...new Set(roots.flatMap(each => keysOfRole(each, 'root')))])
  for (const each of roots) requireThreshold(signers, each, 'root')
  return root
}

function checkSuccession(root: TrustRoot, before: TrustRoot | null, crypto: Pick<Crypto, 'sha256'>): void {
  if (root.version !== (before?.version ?? 0) + 1) {
    throw policyFault('trust_root_chain', `version ${root.version} follows version ${before?.version ?? 0}`)
  }
  if (root.previous !== (before === null ? null : trustRootId(before, crypto))) {
    throw policyFault('trust_root_chain', `version ${root.version} names another version as the one before`)
  }
  if (before !== null && forgets(root, before)) {
    throw policyFault('trust_root_chain', `version ${root.version} takes a revocation back`)
  }
}

/** What was revoked stays revoked, and for no shorter time; the floor under policy versions never sinks. */
function forgets(root: TrustRoot, before: TrustRoot): boolean {
  return (
    before.revoked.keys.some(key => {
      const [then, now] = [revokedSinceMs(before, key), revokedSinceMs(root, key)]
      return now === null || now > (then as number)
    }) ||
    before.revoked.ids.some(id => !isWithdrawn(root, id)) ||
    root.minPolicyVersion < before.minPolicyVersion
  )
}

/** Content id of the version's payload: what a configuration pins. */
export function trustRootId(root: TrustRoot, crypto: Pick<Crypto, 'sha256'>): string {
  return contentId(crypto, canonicalBytes(root))
}

/** Signs a version; throws `trust_root_malformed` where nobody could open it. */
export function sealTrustRoot(root: TrustRoot, keys: readonly SigningKey[]): Envelope {
  const payload = readTrustRoot(root as unknown as JsonObject)
  return signEnvelope(PAYLOAD_TYPES.trustRoot, canonicalBytes(payload), keys)
}

/** What a new version may change; the rest is carried over. */
export type TrustRootChange = Partial<
  Pick<TrustRoot, 'keys' | 'roles' | 'revoked' | 'minPolicyVersion' | 'testAudiences'>
>

/** The version after `current`, with the change applied, to be sealed by the root keys of both. */
export function rotateTrustRoot(
  current: TrustRoot,
  change: TrustRootChange,
  crypto: Pick<Crypto, 'sha256'>,
): TrustRoot {
  const next = { ...current, ...change, version: current.version + 1, previous: trustRootId(current, crypto) }
  return readTrustRoot(next as unknown as JsonObject)
}

/**
 * The change that revokes a key, by its name or as `ed25519:…`: out of every role, onto the list. The keys of an
 * instance have no name here and are revoked as they are written in its enrolment. With `since` (RFC 3339, UTC) what
 * others saw of it before that time is still believed. Throws `trust_root_malformed` for a name that isn't there.
 */
export function revokeKey(current: TrustRoot, named: string, since?: string): TrustRootChange {
  const name = Object.keys(current.keys).find(each => each === named || current.keys[each] === named)
  const key = name === undefined ? named : (current.keys[name] as string)
  if (key.startsWith('es256:'))
    throw policyFault('trust_root_malformed', 'a passkey of P-256 is taken out of the policy instead')
  if (!key.startsWith('ed25519:')) throw policyFault('trust_root_malformed', `there is no key ${named}`)
  const { keys, ids, since: times } = current.revoked
  return {
    ...(name === undefined ? {} : retireKey(current, name)),
    revoked: {
      keys: [...new Set([...keys, key])],
      ids,
      ...(since === undefined && times === undefined
        ? {}
        : { since: { ...times, ...(since === undefined ? {} : { [key]: since }) } }),
    },
  }
}

/**
 * The change that takes a key out of every role without revoking it: it signs nothing more that counts from now on,
 * and what it certified before stays verifiable. Throws `trust_root_malformed` for a name that isn't there.
 */
export function retireKey(current: TrustRoot, name: string): TrustRootChange {
  if (!Object.hasOwn(current.keys, name)) throw policyFault('trust_root_malformed', `there is no key ${name}`)
  const without = (keys: readonly string[]) => keys.filter(each => each !== name)
  return {
    keys: Object.fromEntries(Object.entries(current.keys).filter(([each]) => each !== name)),
    roles: Object.fromEntries(
      TRUST_ROLES.map(role => [role, { ...current.roles[role], keys: without(current.roles[role].keys) }]),
    ) as unknown as TrustRoot['roles'],
  }
}
