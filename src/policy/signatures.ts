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
  const revoked = new Set(trust.revoked.keys.map(keyIdOfWritten))
  if (envelope.signatures.some(({ keyid }) => revoked.has(keyid))) throw policyFault('signing_key_revoked')
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
