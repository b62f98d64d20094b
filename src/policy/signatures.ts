import { type Crypto, type Envelope, keyIdOf, parsePublicKey, preAuthEncoding } from '../canon/index.js'
import { policyFault } from './error-table.js'
import type { TrustRole, TrustRoot } from './trust.js'

/**
 * Accepts an envelope that a role of the trust root has signed, and throws otherwise: `signing_key_revoked`,
 * `signing_key_unknown`, `signature_invalid` or `signatures_short`.
 */
export function requireSignatures(
  crypto: Pick<Crypto, 'verify'>,
  envelope: Envelope,
  trust: TrustRoot,
  role: TrustRole,
): void {
  if (revokedSigners(envelope, trust).length > 0) throw policyFault('signing_key_revoked')
  requireThreshold(signersOf(crypto, envelope, keysOfRole(trust, role)), trust, role)
}

/**
 * Which of the known keys (`ed25519:…`) have signed. Every signature has to be by one of them and to hold, not
 * only enough of them: a seal has one reading. Throws `signing_key_unknown` or `signature_invalid`.
 */
export function signersOf(
  crypto: Pick<Crypto, 'verify'>,
  envelope: Envelope,
  known: readonly string[],
): ReadonlySet<string> {
  const message = preAuthEncoding(envelope.payloadType, envelope.payload)
  const byKeyId = new Map(known.map(key => [keyIdOfWritten(key), key]))
  const signers = new Set<string>()
  for (const { keyid, sig } of envelope.signatures) {
    const key = byKeyId.get(keyid)
    if (key === undefined) throw policyFault('signing_key_unknown')
    if (!crypto.verify(parsePublicKey(key), message, sig)) throw policyFault('signature_invalid', key)
    // ATTACK: the same key twice for a threshold. A set counts it once.
    signers.add(key)
  }
  return signers
}

/**
 * Whether a role could have signed an envelope, by the key ids alone: all of them are its own, and there are enough. An id is the hash of
 * a key, so where one version of a trust root finds a signature false, so does every other that this is true for.
 *
 * ATTACK: ten thousand versions of a trust root of one's own making, and ten thousand envelopes that each of them is asked about.
 */
export function couldSign(trust: TrustRoot, role: TrustRole, { signatures }: Envelope): boolean {
  const { keys, threshold } = trust.roles[role]
  let known = roleKeyIds.get(keys)
  if (known === undefined) {
    known = new Set(keysOfRole(trust, role).map(keyIdOfWritten))
    roleKeyIds.set(keys, known)
  }
  const ids = new Set(signatures.map(({ keyid }) => keyid))
  return ids.size >= threshold && [...ids].every(id => known.has(id))
}

/** By the list of a role's names in one version, which is never changed. */
const roleKeyIds = new WeakMap<readonly string[], ReadonlySet<string>>()

/** Those of the keys that a trust root has revoked, `ed25519:…`, by which an envelope says that it is signed. */
export function revokedSigners(
  { signatures }: Envelope,
  { revoked }: Pick<TrustRoot, 'revoked'>,
): readonly string[] {
  let byId = revokedById.get(revoked.keys)
  if (byId === undefined) {
    byId = new Map(revoked.keys.map(key => [keyIdOfWritten(key), key]))
    revokedById.set(revoked.keys, byId)
  }
  return [...new Set(signatures.flatMap(({ keyid }) => byId.get(keyid) ?? []))]
}

const revokedById = new WeakMap<readonly string[], ReadonlyMap<string, string>>()

/** Throws `signatures_short` unless enough distinct keys of the role are among the signers. */
export function requireThreshold(signers: ReadonlySet<string>, trust: TrustRoot, role: TrustRole): void {
  const count = keysOfRole(trust, role).filter(key => signers.has(key)).length
  const { threshold } = trust.roles[role]
  if (count < threshold)
    throw policyFault('signatures_short', `${count} of ${threshold} keys of the role ${role}`)
}

/** The role's keys as `ed25519:…`. */
export function keysOfRole(trust: TrustRoot, role: TrustRole): readonly string[] {
  return trust.roles[role].keys.map(name => trust.keys[name] as string)
}

function keyIdOfWritten(key: string): string {
  return keyIdOf(parsePublicKey(key))
}
