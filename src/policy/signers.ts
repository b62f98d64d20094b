import { type Crypto, type Envelope, keyIdOf, parsePublicKey, preAuthEncoding } from '../canon/index.js'
import { policyFault } from './error-table.js'
import type { TrustRole, TrustRoot } from './trust.js'

/**
 * Checks that an envelope carries the signatures that a role asks for, and answers the names of the signers.
 * Every signature must be good: by a key of the trust root, not revoked, that holds the role. The threshold
 * counts distinct keys, so that one key under two names, or one signature twice, counts once.
 *
 * Throws `signature_missing`, `signature_key_unknown`, `signature_key_revoked`, `signature_role`,
 * `signature_invalid` or `signature_threshold`.
 */
export function requireSigners(
  crypto: Pick<Crypto, 'verify'>,
  envelope: Envelope,
  trust: TrustRoot,
  role: TrustRole,
): readonly string[] {
  if (envelope.signatures.length === 0) throw policyFault('signature_missing')
  const message = preAuthEncoding(envelope.payloadType, envelope.payload)
  const signers = new Map<string, string>()
  for (const { keyid, sig } of envelope.signatures) {
    const [name, key] = trustedKey(trust, role, keyid)
    if (!crypto.verify(parsePublicKey(key), message, sig)) throw policyFault('signature_invalid', name)
    signers.set(key, name)
  }
  const { threshold } = trust.roles[role]
  if (signers.size < threshold)
    throw policyFault('signature_threshold', `${signers.size} of ${threshold} keys`)
  return [...signers.values()].sort()
}

/** The key behind a hint: the hint only picks among keys that are trusted already. */
function trustedKey(trust: TrustRoot, role: TrustRole, keyid: string): readonly [name: string, key: string] {
  const known = Object.entries(trust.keys).filter(([, key]) => keyIdOf(parsePublicKey(key)) === keyid)
  const first = known[0]
  if (first === undefined) throw policyFault('signature_key_unknown')
  if (trust.revoked.keys.includes(first[1])) throw policyFault('signature_key_revoked', first[0])
  const holder = known.find(([name]) => trust.roles[role].keys.includes(name))
  if (holder === undefined) throw policyFault('signature_role', `${first[0]} is no ${role} key`)
  return holder
}
