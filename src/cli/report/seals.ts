import {
  contentId,
  type Envelope,
  type JsonObject,
  keyIdOf,
  parsePublicKey,
  parseStrictJson,
} from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import type { TrustRoot } from '../../policy/index.js'
import { judgeSeal } from '../../receipt/index.js'

/** Who stands behind a policy. */
export type Seal =
  | {
      readonly kind: 'sealed'
      /** Names of the keys in the trust root. */
      readonly signers: readonly string[]
      /** Version of the trust root that lets them. */
      readonly trustVersion: number
      /** True where the newest version has withdrawn the policy since. */
      readonly withdrawn: boolean
      /** Those of the signers whose keys were revoked since. */
      readonly revoked: readonly string[]
    }
  /** No version of the trust root lets its signers, or there is no trust root from outside. */
  | { readonly kind: 'unverified' }
  /** The sealed policy is not at hand: its content id stands in the receipts and nothing else. */
  | { readonly kind: 'absent' }

/** What a sealed policy says of itself. */
export interface SealedWords {
  readonly name: string | null
  /** Rules' own words by their id. */
  readonly because: ReadonlyMap<string, string>
  readonly seal: Seal
}

/** Words of a policy whose envelope nobody has brought. */
export const ABSENT: SealedWords = { name: null, because: new Map(), seal: { kind: 'absent' } }

/**
 * Reads sealed policies. Their words count because the receipts name the digest of just these words; who sealed them is
 * judged by the versions of the trust root, oldest first.
 */
export function sealedWords(
  envelopes: Iterable<Envelope>,
  versions: readonly TrustRoot[],
): ReadonlyMap<string, SealedWords> {
  const words = new Map<string, SealedWords>()
  for (const envelope of envelopes) {
    const cid = contentId(nativeCrypto, envelope.payload)
    words.set(cid, { ...wordsIn(envelope.payload), seal: sealOf(envelope, cid, versions) })
  }
  return words
}

function wordsIn(payload: Uint8Array): Pick<SealedWords, 'name' | 'because'> {
  const because = new Map<string, string>()
  try {
    const { name, rules } = parseStrictJson(payload) as JsonObject
    for (const rule of Array.isArray(rules) ? (rules as JsonObject[]) : [])
      if (typeof rule.id === 'string' && typeof rule.because === 'string') because.set(rule.id, rule.because)
    return { name: typeof name === 'string' ? name : null, because }
  } catch {
    return { name: null, because }
  }
}

function sealOf(envelope: Envelope, cid: string, versions: readonly TrustRoot[]): Seal {
  const judged = judgeSeal(nativeCrypto, versions, envelope)
  const root = judged.kind === 'good' ? versions.find(({ version }) => version === judged.version) : undefined
  if (judged.kind === 'refused' || root === undefined) return { kind: 'unverified' }
  const signing = new Set(envelope.signatures.map(({ keyid }) => keyid))
  const signers = Object.entries(root.keys).filter(([, key]) => signing.has(keyIdOf(parsePublicKey(key))))
  const named = (keys: readonly (readonly [string, string])[]) => keys.map(([name]) => name).sort()
  return {
    kind: 'sealed',
    signers: named(signers),
    trustVersion: root.version,
    withdrawn: versions.at(-1)?.revoked.ids.includes(cid) ?? false,
    revoked: named(signers.filter(([, key]) => judged.revoked.includes(key))),
  }
}
