import type { Crypto } from '../canon/index.js'
import { isWithdrawn, keysOfRole, revokedSinceMs, type TrustRoot, trustRootId } from '../policy/index.js'
import type { AttemptBody, Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'

/** Which versions of the trust root a log went by, held against those of the verifier. */
export interface TrustFollowed {
  /** The newest one that the log says it went by, and the number of the entry that says so first; null where none does. */
  readonly said: { readonly version: number; readonly seq: number } | null
  /** The newest one that the verifier has. */
  readonly held: number
  /** Content ids of policies that the log put in force and that the newest one has withdrawn. */
  readonly withdrawn: readonly string[]
}

/** The keys, `ed25519:…`, that have sealed a policy; null where it is not at hand. */
export type SignersOf = (policyCid: string) => readonly string[] | null

/**
 * Holds what a log says of the trust root against the versions that the verifier has. A revocation has no time of its own:
 * which version a keeper went by, and from which entry on, is the log's to say.
 *
 * ATTACK: a keeper goes by a trust root of its own, or lets a policy go on that the one that it goes by has withdrawn.
 */
export class TrustAudit implements EntryAudit {
  private readonly crypto: Pick<Crypto, 'sha256'>
  private readonly signersOf: SignersOf
  private readonly byVersion: ReadonlyMap<number, TrustRoot>
  private readonly newest: TrustRoot | null
  private readonly activated = new Set<string>()
  private said: TrustFollowed['said'] = null
  /** The version that the log goes by here; null where it doesn't say, or the verifier hasn't got it. */
  private current: TrustRoot | null = null

  /** `versions`: those that the verifier has, in any order; `signersOf`: where policies are at hand. */
  constructor(
    crypto: Pick<Crypto, 'sha256'>,
    versions: readonly TrustRoot[],
    signersOf: SignersOf = () => null,
  ) {
    this.crypto = crypto
    this.signersOf = signersOf
    this.byVersion = new Map(versions.map(root => [root.version, root]))
    this.newest = this.byVersion.get(Math.max(...this.byVersion.keys())) ?? null
  }

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.type === 'policy') {
      const { action, cid, trust, root } = entry.data
      if (action === 'activated' && typeof cid === 'string') this.activated.add(cid)
      if (typeof trust === 'number') this.follow(trust, root, entry.seq, report)
    }
    if (entry.type !== 'attempt' || entry.decision.effect !== 'allow' || this.current === null) return
    if (this.refuses(this.current, entry.policy))
      report('policy_withdrawn', entry.seq, `by version ${this.current.version} of the trust root`)
  }

  private refuses(root: TrustRoot, { cid, version }: AttemptBody['policy']): boolean {
    if (isWithdrawn(root, cid) || version < root.minPolicyVersion) return true
    const signers = this.signersOf(cid) ?? []
    return signers.some(key => revokedSinceMs(root, key) !== null) || this.hasLost(root, signers)
  }

  /**
   * Whether too few of them may seal by now, where an earlier version had let enough. What was sealed anew since is at hand with the
   * later signatures alone, and those before them are nobody's.
   */
  private hasLost(root: TrustRoot, signers: readonly string[]): boolean {
    if (isEnough(root, signers)) return false
    return [...this.byVersion.values()].some(each => each.version < root.version && isEnough(each, signers))
  }

  summary(): TrustFollowed {
    const { newest } = this
    return {
      said: this.said,
      held: newest?.version ?? 0,
      withdrawn: newest === null ? [] : [...this.activated].filter(cid => isWithdrawn(newest, cid)),
    }
  }

  private follow(version: number, root: unknown, seq: number, report: ReportDeviation): void {
    if (this.said === null || version > this.said.version) this.said = { version, seq }
    const held = this.byVersion.get(version)
    this.current = held ?? null
    if (held !== undefined && trustRootId(held, this.crypto) !== root)
      report('trust_differs', seq, `version ${version}`)
  }
}

function isEnough(root: TrustRoot, signers: readonly string[]): boolean {
  return keysOfRole(root, 'policy').filter(key => signers.includes(key)).length >= root.roles.policy.threshold
}
