import {
  CountersignError,
  type Crypto,
  contentId,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  parsePublicKey,
  utf8,
} from '../canon/index.js'
import {
  couldSign,
  isWithdrawn,
  openNext,
  openPastEnrolment,
  openRecovery,
  openSigned,
  revokedSigners,
  revokedSinceMs,
  type TrustRoot,
} from '../policy/index.js'
import { parseSettledEnvelope } from './bundle.js'
import type { BundleFindingCode } from './bundle-findings.js'
import type { Entry } from './entry.js'
import type { OpenRecovery } from './recovered.js'
import type { PinnedKeys } from './trusted-keys.js'

type Checks = Pick<Crypto, 'sha256' | 'verify'>
export type Report = (code: BundleFindingCode, seq: number | null, detail?: string) => void

/** The trust root that a verifier brings along: the one thing that no bundle can say. */
export interface OwnTrust {
  /** Its versions as envelopes, oldest first. */
  readonly chain: readonly Uint8Array[]
  /** Content id of the version to trust where the copy is not the verifier's own; null for their own copy. */
  readonly pin: string | null
}

/**
 * The versions of the trust root to judge by, oldest first: the verifier's own, and those by which the bundle's chain
 * goes on from them. Without an own one the bundle's chain stands for itself, which proves no origin.
 */
export function trustVersions(
  crypto: Checks,
  own: OwnTrust | null,
  bundled: readonly string[],
  report: Report,
): readonly TrustRoot[] {
  const held = opened(crypto, () => (own?.chain ?? []).map(bytes => decodeEnvelope(bytes)), report)
  const brought = opened(crypto, () => bundled.map(parseSettledEnvelope), report)
  // ATTACK: a chain of the attacker's own making is whole in itself.
  const pin = own?.pin ?? null
  if (own !== null && (held.length === 0 || (pin !== null && !held.some(({ id }) => id === pin))))
    report('trust_pin', null, pin ?? 'your own copy holds no version')
  const fork = brought.findIndex(({ id }, i) => held[i] !== undefined && held[i].id !== id)
  if (fork >= 0) report('trust_pin', null, `version ${fork + 1} is another`)
  const goesOn = own === null || (fork < 0 && brought.length > held.length)
  return (goesOn ? brought : held).map(({ root }) => root)
}

interface TrustVersion {
  readonly root: TrustRoot
  /** Content id of its payload. */
  readonly id: string
}

/** As many versions as follow from one another. */
function opened(crypto: Checks, chain: () => readonly Envelope[], report: Report): readonly TrustVersion[] {
  const versions: TrustVersion[] = []
  try {
    for (const envelope of chain()) {
      const root = openNext(envelope, versions.at(-1)?.root ?? null, crypto)
      versions.push({ root, id: contentId(crypto, envelope.payload) })
    }
  } catch (error) {
    report('trust_chain', null, (error as Error).message)
  }
  return versions
}

const NOBODY: PinnedKeys = { origin: null, receipt: [], checkpoint: [] }

/** The keys that a trust root leads to through the enrolment in a log's genesis; none where it leads nowhere. */
export function keysByGenesis(
  crypto: Checks,
  versions: readonly TrustRoot[],
  genesis: Entry,
  report: Report,
): PinnedKeys {
  const envelope = genesis.type === 'genesis' ? genesis.data.enrolment : null
  if (typeof envelope !== 'string') {
    report('enrolment', 0, 'the genesis carries none')
    return NOBODY
  }
  try {
    const certify = (bytes: Uint8Array) => openPastEnrolment(bytes, versions, crypto)
    const { origin, keys } = certify(utf8(envelope))
    // ATTACK: the keys of one sidecar must not vouch for a log that claims to be another's.
    if (!genesis.chain.startsWith(`${origin}/`))
      report('chain_origin', 0, `the keys are enrolled for ${origin}`)
    return {
      origin,
      receipt: [parsePublicKey(keys.receipt)],
      checkpoint: [parsePublicKey(keys.checkpoint)],
      certify,
    }
  } catch (error) {
    report('enrolment', 0, (error as Error).message)
    return NOBODY
  }
}

/** A sealed policy under the newest version of the trust root that lets it: what one version let, rotation takes back from nobody. */
export type JudgedSeal =
  | {
      readonly kind: 'good'
      /** Of the trust root. */
      readonly version: number
      /** The policy itself was withdrawn later. */
      readonly withdrawn: boolean
      /** Keys that sealed it and were revoked later, as `ed25519:…`. */
      readonly revoked: readonly string[]
    }
  | { readonly kind: 'refused'; readonly why: string }

export function judgeSeal(crypto: Checks, versions: readonly TrustRoot[], envelope: Envelope): JudgedSeal {
  const newest = versions.at(-1)
  const root = versions.findLast(each => couldSign(each, 'policy', envelope)) ?? newest
  if (root === undefined || newest === undefined) return { kind: 'refused', why: 'there is no trust root' }
  try {
    const standing = { ...root, revoked: NOTHING }
    const { cid } = openSigned(encodeEnvelope(envelope), 'policy', standing, crypto)
    const revoked = revokedSigners(envelope, newest)
    return { kind: 'good', version: root.version, withdrawn: isWithdrawn(newest, cid), revoked }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return { kind: 'refused', why: error.message }
  }
}

const NOTHING: TrustRoot['revoked'] = { keys: [], ids: [] }

/**
 * Whether what a key signed is to be believed in spite of its revocation: others have to have seen it before the time
 * that the trust root gives. True for a key that was never revoked.
 */
export function isBelieved(versions: readonly TrustRoot[], key: string, witnessedMs: number | null): boolean {
  const newest = versions.at(-1)
  const since = newest === undefined ? null : revokedSinceMs(newest, key)
  return since === null || (witnessedMs !== null && witnessedMs < since)
}

/**
 * Opens the recovery that began an epoch: any version of the trust root may vouch for it. ATTACK: a key that was revoked
 * since vouches for nothing, whatever version named it.
 */
export function recoveryOpener(crypto: Checks, versions: readonly TrustRoot[]): OpenRecovery {
  const revoked = versions.at(-1)?.revoked ?? { keys: [], ids: [] }
  return statement => {
    let fault: unknown
    for (const version of versions.toReversed()) {
      try {
        return openRecovery(statement, { ...version, revoked }, crypto)
      } catch (error) {
        if (!(error instanceof CountersignError)) throw error
        fault ??= error
      }
    }
    throw fault ?? new Error('there is no trust root')
  }
}
