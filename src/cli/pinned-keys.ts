import { readFileSync } from 'node:fs'
import { contentId, decodeEnvelope, parsePublicKey, utf8 } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  type Enrolment,
  openPastEnrolment,
  openTrustChain,
  revokedKeys,
  type TrustRoot,
} from '../policy/index.js'
import { decodeEntry, type PinnedKeys } from '../receipt/index.js'
import { UsageError } from './io.js'
import { trustChainIn } from './trust-files.js'

/** Where the trust in a log's keys comes from: never from the log. */
export type KeySource =
  | { readonly kind: 'none' }
  | { readonly kind: 'keys'; readonly receipt: readonly string[]; readonly checkpoint: readonly string[] }
  | {
      readonly kind: 'trust-root'
      /** JSON array of trust-root envelopes, oldest first. */
      readonly root: string
      /** `sha256:…` of the payload of one of them; null where the file itself is the verifier's own and its first version is trusted. */
      readonly pin: string | null
      /**
       * Files with enrolment envelopes, beside those that the log carries: for keys whose own enrolment is sealed by
       * a key that was revoked since, or is not in the log.
       */
      readonly enrolments: readonly string[]
    }

/** The keys to hold a log against; null where none are pinned. `firstEntry` is the log's genesis as envelope bytes. */
export function pinnedKeys(source: KeySource, firstEntry: Uint8Array | undefined): PinnedKeys | null {
  switch (source.kind) {
    case 'none':
      return null
    case 'keys':
      return {
        origin: null,
        receipt: source.receipt.map(parsePublicKey),
        checkpoint: source.checkpoint.map(parsePublicKey),
      }
    case 'trust-root':
      return certifiedKeys(source, firstEntry)
  }
}

/**
 * The keys that a trust root leads to: those that the log began with, by the enrolment in its genesis, and those of
 * the enrolments in hand. What follows in the log is certified entry by entry. Throws where nothing leads anywhere; where
 * nothing can be read, no key is trusted, and the verification says why.
 */
function certifiedKeys(
  source: Extract<KeySource, { kind: 'trust-root' }>,
  firstEntry: Uint8Array | undefined,
): PinnedKeys {
  const bytes = trustChainIn(source.root)
  const chain = openTrustChain(bytes, pinOf(source, bytes), nativeCrypto)
  const certify = (envelope: Uint8Array) => openPastEnrolment(envelope, chain, nativeCrypto)
  const inHand = source.enrolments.map(file => certify(readBytes(file)))
  const own = firstEntry === undefined ? undefined : genesisEnrolment(firstEntry)
  const enrolments = [...(own === undefined ? [] : startOf(utf8(own), certify, inHand)), ...inHand]
  const [first] = enrolments
  if (firstEntry === undefined && first === undefined) return { origin: null, receipt: [], checkpoint: [] }
  if (first === undefined)
    throw new UsageError(
      'the log carries no enrolment that leads from the trust root to its keys',
      'Pass --enrolment FILE, or pin the keys with --key.',
    )
  const foreign = enrolments.find(({ origin }) => origin !== first.origin)
  if (foreign !== undefined)
    throw new UsageError(
      `the enrolments are of ${first.origin} and ${foreign.origin}`,
      'Pass those of one instance.',
    )
  const newest = chain.at(-1) as TrustRoot
  return {
    origin: first.origin,
    receipt: enrolments.map(({ keys }) => parsePublicKey(keys.receipt)),
    checkpoint: enrolments.map(({ keys }) => parsePublicKey(keys.checkpoint)),
    certify,
    revoked: revokedKeys(newest),
    trustVersion: newest.version,
  }
}

/** The genesis's own enrolment; one that the trust root has nothing to do with counts for nothing where others are in hand. */
function startOf(
  envelope: Uint8Array,
  certify: (envelope: Uint8Array) => Enrolment,
  inHand: readonly Enrolment[],
): readonly Enrolment[] {
  try {
    return [certify(envelope)]
  } catch (error) {
    if (inHand.length === 0) throw error
    return []
  }
}

/** Content id of the version that is trusted: the one that was named, or the first of the verifier's own file. */
export function pinOf(
  { pin, root }: Pick<Extract<KeySource, { kind: 'trust-root' }>, 'pin' | 'root'>,
  chain: readonly Uint8Array[],
): string {
  if (pin !== null) return pin
  const first = chain[0]
  if (first === undefined)
    throw new UsageError(`${root} holds no trust root`, 'Pass trust/root.json of the sidecar.')
  return contentId(nativeCrypto, decodeEnvelope(first).payload)
}

function genesisEnrolment(bytes: Uint8Array): string | undefined {
  try {
    const entry = decodeEntry(bytes)
    return entry.type === 'genesis' && typeof entry.data.enrolment === 'string'
      ? entry.data.enrolment
      : undefined
  } catch {
    return undefined
  }
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UsageError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'Check the path.')
  }
}
