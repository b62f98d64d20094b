import { type Crypto, equalBytes, formatPublicKey, fromHex, utf8 } from '../canon/index.js'
import { revokedKeys, type TrustRoot } from '../policy/index.js'
import { type Bundle, type BundledEntry, type Disclosure, parseBundle } from './bundle.js'
import { readBundledCheckpoint, verifyBundledCheckpoint } from './bundle-checkpoint.js'
import { type Citation, missingCitations } from './bundle-citations.js'
import { type BundledPolicy, verifyCatalogs, verifyPolicies } from './bundle-documents.js'
import { type BundleFinding, type BundleFindingCode, bundleFinding } from './bundle-findings.js'
import {
  isBelieved,
  keysByGenesis,
  type OwnTrust,
  type Report,
  recoveryOpener,
  trustVersions,
} from './bundle-trust.js'
import type { SignedCheckpoint } from './checkpoint.js'
import { CountersignatureAudit, type CountersignaturesChecked, type GroupsOf } from './countersignatures.js'
import { verifyDisclosures } from './disclosed.js'
import type { Entry, OutcomeBody } from './entry.js'
import { FINDINGS, type FindingCode } from './findings.js'
import { verifyInclusion } from './proof.js'
import { type Recovered, RecoveryCheck } from './recovered.js'
import { References } from './references.js'
import { type OpenedEntry, openEntry } from './seal.js'
import { leafHash } from './tree.js'
import { TrustAudit, type TrustFollowed } from './trust-history.js'
import { TrustedKeys } from './trusted-keys.js'
import { CLOCKS_MS, type WitnessPolicy } from './witness-policy.js'

export interface BundleOptions {
  readonly crypto: Crypto
  /** Null: *integrity only*, by the trust root that the bundle brings itself; that proves no origin. */
  readonly trust: OwnTrust | null
  /** Which witnesses have to have seen the checkpoint; without it only the log's own line may stand under it. */
  readonly witnesses?: WitnessPolicy
}

/** What a bundle proves, and what was found. There is no bare "OK". */
export interface BundleVerification {
  readonly mode: 'pinned trust root' | 'integrity only'
  /** True where nothing was found. */
  readonly sound: boolean
  readonly chain: string | null
  /** Size and root of the checkpoint; null where it can't be read. */
  readonly size: number | null
  readonly root: string | null
  /** Entries in the bundle. */
  readonly entries: number
  readonly counts: Readonly<Record<string, number>>
  /** Unix milliseconds of its first and its last attempt or outcome; null where there is none. */
  readonly firstT: number | null
  readonly lastT: number | null
  /** Since when the checkpoint was witnessed as the policy asks, Unix milliseconds; null where it wasn't, or no policy was given. */
  readonly witnessedT: number | null
  /**
   * Receipt keys that were revoked, as `ed25519:…`, and whose entries count only because the log's own checkpoint key
   * stands: whoever stole both could have made them.
   */
  readonly byCheckpointKeyAlone: readonly string[]
  /** Versions of the trust root that were judged by. */
  readonly trustVersions: number
  /** Which of them the entries say that the log went by. */
  readonly trust: TrustFollowed
  readonly policies: readonly BundledPolicy[]
  readonly disclosed: readonly Pick<Disclosure, 'seq' | 'field'>[]
  /** What people signed about approvals, held against the policies of the bundle. */
  readonly countersignatures: CountersignaturesChecked
  /** Admitted attempts whose outcome is not in the bundle. */
  readonly open: readonly number[]
  /** What a later epoch of the log goes on from; null in the first one. */
  readonly recovered: Recovered | null
  /** What entries of the bundle cite and the bundle doesn't hold. */
  readonly missing: readonly Citation[]
  /** The first ones; see `findingCount`. */
  readonly findings: readonly BundleFinding[]
  readonly findingCount: number
}

const MAX_FINDINGS = 20

/**
 * Of what a whole log is held to, the deviations that a part of it shows as well: two entries that are both here
 * contradict each other, or one itself. That something was never issued or asked for is not one of them, see `missing`.
 */
const CONTRADICTIONS: readonly FindingCode[] = [
  'decision_unfit',
  'outcome_unfit',
  'policy_superseded',
  'policy_expired',
  'policy_withdrawn',
  'trust_order',
  'trust_differs',
  'grant_differs',
  'grant_ended',
  'approval_differs',
  'approval_reused',
  'approval_ended',
  'mint_differs',
  'mint_ended',
  'halt_ignored',
  'freeze_ignored',
]

/** Verifies a bundle, every byte of it. Never throws: what can't be read is a finding. */
export function verifyBundle(bytes: Uint8Array, options: BundleOptions): BundleVerification {
  const verifier = new BundleVerifier(options)
  try {
    verifier.verify(parseBundle(bytes))
  } catch (error) {
    verifier.report('bundle_malformed', null, (error as Error).message)
  }
  return verifier.result()
}

class BundleVerifier {
  private readonly options: BundleOptions
  private readonly findings: BundleFinding[] = []
  private findingCount = 0
  private readonly entries = new Map<number, Entry>()
  private readonly leaves = new Map<number, Uint8Array>()
  private readonly boots = new Set<string>()
  private readonly openAttempts = new Set<number>()
  private readonly outcomes = new Map<number, Entry & OutcomeBody>()
  /** Receipt keys whose signatures hold, as `ed25519:…`, with the first entry that they hold for. */
  private readonly signers = new Map<string, number>()
  private readonly references = new References()
  private recovery = new RecoveryCheck(undefined, false)
  private keys = new TrustedKeys(null)
  private checkpoint: SignedCheckpoint | null = null
  private versions: readonly TrustRoot[] = []
  private policies: readonly BundledPolicy[] = []
  private disclosed: readonly Pick<Disclosure, 'seq' | 'field'>[] = []
  private witnessedT: number | null = null
  private countersignatures: CountersignaturesChecked = { proven: 0, touched: 0, doubted: 0, unproven: 0 }
  private trust: TrustFollowed = { said: null, held: 0, withdrawn: [] }
  private byCheckpointKeyAlone: readonly string[] = []
  private count = 0

  constructor(options: BundleOptions) {
    this.options = options
  }

  verify(bundle: Bundle): void {
    const { crypto, trust } = this.options
    const report: Report = this.report.bind(this)
    // Without any trust root the log can only be held to its own word.
    const rooted = trust !== null || bundle.trust.length > 0
    this.versions = trustVersions(crypto, trust, bundle.trust, report)
    this.checkpoint = readBundledCheckpoint(bundle.checkpoint, report)
    this.count = bundle.entries.length
    if (rooted) this.recovery = new RecoveryCheck(recoveryOpener(crypto, this.versions), true)
    this.verifyEntries(bundle.entries, rooted, report)
    if (this.recovery.isMissing) this.report('recover_missing', null)
    const sealed = rooted ? this.versions : null
    const { policies, revoked, groupsOf } = verifyPolicies(
      crypto,
      bundle.policies,
      this.entries.values(),
      sealed,
      report,
    )
    this.policies = policies
    this.verifyCountersignatures(groupsOf)
    const trusted = new TrustAudit(crypto, this.versions)
    for (const entry of this.entries.values())
      trusted.audit(entry, (code, seq, detail = '') => this.contradict(code, seq, detail))
    this.trust = trusted.summary()
    verifyCatalogs(crypto, bundle, report)
    this.disclosed = verifyDisclosures(crypto, bundle.disclosures, this.entries, this.outcomes, report)
    this.verifyCheckpoint(report)
    for (const { key, cid, citedMs } of revoked)
      if (!isBelieved(this.versions, key, Math.min(citedMs, this.witnessedT ?? citedMs)))
        report('key_revoked', null, `policy ${cid}: ${key}`)
  }

  report(code: BundleFindingCode, seq: number | null, detail = ''): void {
    this.findingCount++
    if (this.findings.length < MAX_FINDINGS) this.findings.push(bundleFinding(code, seq, detail))
  }

  result(): BundleVerification {
    const entries = [...this.entries.values()]
    const told = entries.filter(({ type }) => type === 'attempt' || type === 'outcome')
    return {
      mode: this.options.trust === null ? 'integrity only' : 'pinned trust root',
      sound: this.findingCount === 0,
      chain: this.checkpoint?.origin ?? null,
      size: this.checkpoint?.size ?? null,
      root: this.checkpoint?.root ?? null,
      entries: this.count,
      counts: countsOf(entries),
      firstT: told[0]?.t ?? null,
      lastT: told.at(-1)?.t ?? null,
      witnessedT: this.witnessedT,
      byCheckpointKeyAlone: this.byCheckpointKeyAlone,
      trustVersions: this.versions.length,
      trust: this.trust,
      policies: this.policies,
      disclosed: this.disclosed,
      countersignatures: this.countersignatures,
      open: [...this.openAttempts],
      recovered: this.recovery.recovered,
      missing: missingCitations(entries, new Set(this.policies.map(({ cid }) => cid))),
      findings: this.findings,
      findingCount: this.findingCount,
    }
  }

  private verifyEntries(entries: readonly BundledEntry[], rooted: boolean, report: Report): void {
    let before: Entry | null = null
    for (const bundled of entries) {
      if (before !== null && bundled.seq <= before.seq) this.report('bundle_order', bundled.seq, 'entries')
      const opened = this.opened(bundled)
      if (opened === null) continue
      const { entry } = opened
      this.entries.set(bundled.seq, entry)
      this.verifyInclusion(bundled)
      if (before === null) this.beginLog(entry, rooted, report)
      if (this.verifySignature(opened)) this.followKeys(entry)
      this.verifyPlace(entry, before)
      this.verifyPairing(entry)
      this.verifyRecovery(entry)
      this.references.audit(entry, (code, seq, detail = '') => this.contradict(code, seq, detail))
      before = entry
    }
    if (before === null) this.report('chain_start', null)
  }

  private opened({ entry, seq }: BundledEntry): OpenedEntry | null {
    try {
      const opened = openEntry(utf8(entry))
      if (opened.entry.seq === seq) return opened
      this.report('entry_seq', seq, `seq ${opened.entry.seq}`)
    } catch (error) {
      this.report('entry_malformed', seq, (error as Error).message)
    }
    return null
  }

  private verifyInclusion({ entry, seq, proof }: BundledEntry): void {
    const { crypto } = this.options
    const leaf = leafHash(crypto, utf8(entry))
    this.leaves.set(seq, leaf)
    if (this.checkpoint === null) return
    const { size, root } = this.checkpoint
    const claim = { index: seq, size, leaf, root: fromHex(root) as Uint8Array }
    if (!verifyInclusion(crypto, claim, proof)) this.report('entry_proof', seq)
  }

  /** The keys of a log stand in its genesis, so every bundle begins with it. */
  private beginLog(entry: Entry, rooted: boolean, report: Report): void {
    if (entry.type !== 'genesis' || entry.seq !== 0) this.report('chain_start', null)
    else if (!entry.chain.startsWith(`${entry.data.origin}/`)) this.report('chain_origin', 0)
    const { crypto } = this.options
    this.keys = new TrustedKeys(rooted ? keysByGenesis(crypto, this.versions, entry, report) : null)
    if (!this.keys.begin(entry)) this.report('entry_malformed', 0, 'a key that is no Ed25519 key')
  }

  private verifySignature({ entry, keyid, signed, signature }: OpenedEntry): boolean {
    const key = this.keys.receiptKey(keyid, entry)
    if (key === undefined) this.report('entry_key', entry.seq, keyid)
    else if (!this.options.crypto.verify(key, signed, signature)) this.report('entry_signature', entry.seq)
    else {
      const signer = formatPublicKey(key)
      if (!this.signers.has(signer)) this.signers.set(signer, entry.seq)
      return true
    }
    return false
  }

  private followKeys(entry: Entry): void {
    const unnamed = entry.seq === 0 ? this.keys.unnamed(entry) : null
    if (unnamed !== null) this.report('enrolment', 0, `it names another ${unnamed} key`)
    const problem = this.keys.follow(entry)
    if (problem !== null) this.report('key_enrolment', entry.seq, `${problem.code}: ${problem.detail}`)
  }

  private verifyRecovery(entry: Entry): void {
    const found = this.recovery.see(entry, entry.seq)
    if (found === null) return
    const code = found.code === 'recover_missing' ? 'recover_missing' : 'recover_unproven'
    this.report(code, entry.seq, found.detail)
  }

  private contradict(code: FindingCode, seq: number, detail: string): void {
    if (CONTRADICTIONS.includes(code))
      this.report('entry_contradicts', seq, `${FINDINGS[code]}${detail === '' ? '' : `: ${detail}`}`)
  }

  /** By the policies that are sealed as they should be; by any where there is no trust root at all. */
  private verifyCountersignatures(groupsOf: GroupsOf): void {
    const newest = this.versions.at(-1)
    const revoked = newest === undefined ? new Map<string, number>() : revokedKeys(newest)
    const audit = new CountersignatureAudit(this.options.crypto, groupsOf, revoked)
    for (const entry of this.entries.values())
      audit.audit(entry, (code, seq, detail = '') =>
        this.report('entry_contradicts', seq, `${FINDINGS[code]}: ${detail}`),
      )
    this.countersignatures = audit.summary()
  }

  private verifyPlace(entry: Entry, before: Entry | null): void {
    const { seq } = entry
    if (this.checkpoint !== null && entry.chain !== this.checkpoint.origin)
      this.report('chain_origin', seq, entry.chain)
    if (before !== null && entry.t < before.t) this.report('chain_time', seq, `${before.t - entry.t} ms`)
    const previous = this.leaves.get(seq - 1)
    if (previous !== undefined && !equalBytes(previous, fromHex(entry.prev) as Uint8Array))
      this.report('chain_prev', seq)
    if (entry.type === 'boot') this.boots.add(entry.boot)
    // The genesis is written before the first boot entry, by the same start.
    else if (entry.type !== 'genesis' && !this.boots.has(entry.boot)) this.report('boot_missing', seq)
  }

  private verifyPairing(entry: Entry): void {
    if (entry.type === 'attempt' && entry.decision.effect === 'allow') this.openAttempts.add(entry.seq)
    if (entry.type !== 'outcome') return
    const leaf = this.leaves.get(entry.attempt)
    const closes =
      leaf !== undefined &&
      equalBytes(leaf, fromHex(entry.attempt_leaf) as Uint8Array) &&
      this.openAttempts.delete(entry.attempt)
    if (closes) this.outcomes.set(entry.attempt, entry)
    else this.report('outcome_unmatched', entry.seq, `attempt ${entry.attempt}`)
  }

  /**
   * ATTACK: a stolen key signs a history of the thief's. What a revoked key signed counts where others saw it in time;
   * entries count as well under a checkpoint of a key that stands, which a thief of the receipt key hasn't.
   */
  private verifyCheckpoint(report: Report): void {
    if (this.checkpoint === null) return
    const { crypto, witnesses } = this.options
    const backing = verifyBundledCheckpoint(crypto, this.checkpoint, this.keys, witnesses, report)
    this.witnessedT = backing.witnessedMs
    this.verifyTimes(report)
    const believed = (key: string) => isBelieved(this.versions, key, this.witnessedT)
    const own = backing.signers.map(formatPublicKey)
    const doubted = own.find(key => !believed(key))
    if (doubted !== undefined) report('key_revoked', null, `the checkpoint: ${doubted}`)
    const covered = own.some(key => isBelieved(this.versions, key, null))
    const revoked = [...this.signers].filter(([signer]) => !believed(signer))
    if (covered) this.byCheckpointKeyAlone = revoked.map(([signer]) => signer)
    else for (const [signer, seq] of revoked) report('key_revoked', seq, signer)
  }

  /** ATTACK: what was done is dated to a later time, when something else allowed it. */
  private verifyTimes(report: Report): void {
    const latest = [...this.entries.values()].at(-1)
    if (latest === undefined || this.witnessedT === null || latest.t <= this.witnessedT + CLOCKS_MS) return
    report('chain_ahead', latest.seq, `${latest.t - this.witnessedT} ms`)
  }
}

function countsOf(entries: readonly Entry[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const entry of entries) {
    const what = entry.type === 'attempt' ? `attempt ${entry.decision.effect}` : entry.type
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}
