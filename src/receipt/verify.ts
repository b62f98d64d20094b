import { type Crypto, hex } from '../canon/index.js'
import {
  type CheckedEntry,
  checkEntry,
  checkInTurn,
  type EntryBatches,
  type EntryChecker,
  type LogStep,
  oneByOne,
  type SignatureVerdict,
} from './checked-entry.js'
import { isCheckpointSignedBy, type SignedCheckpoint } from './checkpoint.js'
import type { Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'
import { type FindingCode, type FindingInLog, findingAt } from './findings.js'
import { PastRoots } from './past-roots.js'
import { type OpenRecovery, PLACE_OF_RECOVERY, type Recovered, RecoveryCheck } from './recovered.js'
import { GrowingTree } from './tree.js'
import { type PinnedKeys, TrustedKeys } from './trusted-keys.js'
import { UncoveredStretch } from './uncovered.js'
import { CLOCKS_MS, isSignedByLogOf, type WitnessPolicy, witnessedAt } from './witness-policy.js'

export interface VerifyOptions {
  readonly crypto: Crypto
  /** Null: *integrity only*, with the keys that the log itself names; that proves no origin. */
  readonly keys: PinnedKeys | null
  /** Checkpoints that the log must contain; any order. */
  readonly checkpoints: readonly SignedCheckpoint[]
  /** Those of them that the verifier has kept from before any key was revoked: what they cover is believed. */
  readonly kept?: readonly SignedCheckpoint[]
  /** Which witnesses have to have seen a checkpoint for it to count as witnessed. */
  readonly witnesses?: WitnessPolicy
  /** False: form, chain, tree and checkpoints alone. A log that was made up passes; true unless told. */
  readonly signatures?: boolean
  /** Opens the recovery that began a later epoch, under a pinned trust root. */
  readonly recovery?: OpenRecovery
  /** Look at what the entries say, each at every one of them in order; none unless told. */
  readonly audits?: readonly EntryAudit[]
  /** How entries are checked by themselves, ahead of their place; in this thread unless told. */
  readonly checker?: EntryChecker
}

/** What a caller wants to see of a verification that is under way. */
export interface VerifyHooks {
  /** Entries so far. */
  readonly onEntry?: (count: number) => void
  /** Hashes of the subtrees that an entry has completed, by level. */
  readonly onCompleted?: (completed: readonly Uint8Array[]) => Promise<void> | void
}

/** What was proven, and what was found. There is no bare "OK": `mode`, `checkpointed`, `witnessed` and `open` belong to the answer. */
export interface Verification {
  readonly mode: 'pinned keys' | 'integrity only'
  /** Newest version of the trust root that the keys were judged by; null where none led to them. */
  readonly trustVersion: number | null
  /** False where signatures were not looked at: anybody could have made this log. */
  readonly signatures: boolean
  /** True where nothing was found. */
  readonly sound: boolean
  readonly chain: string | null
  /** Entries read. */
  readonly size: number
  /** Entries before the first that is not what the log's keys signed in this place; audits leave it alone. */
  readonly validPrefix: number
  readonly root: string
  readonly leaf: string | null
  /** Unix milliseconds of the first and the newest entry. */
  readonly firstT: number | null
  readonly lastT: number | null
  readonly counts: Readonly<Record<string, number>>
  /** Size of the largest checkpoint given that the log contains; null where none was given or none fits. */
  readonly checkpointed: number | null
  /** Largest size that witnesses in other trust domains have cosigned as the policy asks; null where there is none, or no policy. */
  readonly witnessed: number | null
  /** Since when they have, Unix milliseconds. */
  readonly witnessedT: number | null
  /** Entries that only this log's own keys vouch for. */
  readonly unwitnessedTail: number
  /** Admitted attempts without an outcome. */
  readonly open: readonly OpenInLog[]
  /** What a later epoch goes on from; null in the first one, and where that isn't said. */
  readonly recovered: Recovered | null
  /** The first ones; see `findingCount`. */
  readonly findings: readonly FindingInLog[]
  readonly findingCount: number
}

export interface OpenInLog {
  readonly seq: number
  readonly id: string
  readonly t: number
}

const MAX_FINDINGS = 20
const MAX_MALFORMED = 10_000
const NO_LEAF = '0'.repeat(64)

/** Verifies a log from its first entry on, in one pass and constant memory (open attempts apart). What the source throws becomes a finding; see `takeAll`. */
export async function verifyEntries(
  entries: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
  onEntry: (count: number) => void = () => {},
): Promise<Verification> {
  const verifier = new LogVerifier(options)
  await takeAll(verifier, oneByOne(entries), options, { onEntry })
  return verifier.finish()
}

/**
 * Leads every entry through its own checks, to its place, and to the audits. What the source throws becomes a finding,
 * and false is returned; what a checker or an audit throws is thrown, for it says nothing about the log.
 */
export async function takeAll(
  verifier: LogVerifier,
  entries: EntryBatches,
  options: VerifyOptions,
  { onEntry, onCompleted }: VerifyHooks,
): Promise<boolean> {
  const { audits = [], checker = checkInTurn(options.crypto) } = options
  const report: ReportDeviation = (code, seq, detail) => verifier.deviation(code, seq, detail)
  const damages: string[] = []
  let malformed = 0
  for await (const steps of checker(untilDamage(entries, damages), () => verifier.keys())) {
    // ATTACK: a dump of nothing but line ends, a million entries in each megabyte, none of which is one.
    if (malformed > MAX_MALFORMED) {
      damages.push(`more than ${MAX_MALFORMED} are no entries`)
      break
    }
    for (const step of steps) {
      if (step.checked.kind === 'malformed') malformed++
      const completed = verifier.take(step)
      const waiting = onCompleted?.(completed)
      if (waiting !== undefined) await waiting
      if (step.checked.kind === 'well-formed')
        for (const audit of audits) {
          const answer = audit.audit(step.checked.entry, report)
          if (answer !== undefined) await answer
        }
      onEntry?.(verifier.size)
    }
  }
  for (const damage of damages) verifier.report('source_damaged', verifier.size, damage)
  for (const audit of audits) audit.finish?.(report)
  return damages.length === 0
}

/** The entries up to where the source can't be read any further. */
async function* untilDamage(entries: EntryBatches, damages: string[]): AsyncGenerator<readonly Uint8Array[]> {
  try {
    for await (const batch of entries) yield batch
  } catch (error) {
    damages.push(error instanceof Error ? error.message : String(error))
  }
}

/** One pass over a log: `add` every entry in order, then `finish`. */
export class LogVerifier {
  private readonly options: VerifyOptions
  private readonly trust: TrustedKeys
  private readonly tree: GrowingTree
  private readonly checkpoints: SignedCheckpoint[]
  private readonly findings: FindingInLog[] = []
  private readonly openAttempts = new Map<number, OpenInLog & { readonly leaf: string }>()
  private readonly counts: Record<string, number> = {}
  private readonly uncovered = new UncoveredStretch()
  private readonly recovery: RecoveryCheck
  private readonly pastRoots = new PastRoots()
  private findingCount = 0
  private validPrefix: number | undefined
  private checkpointed: number | null = null
  private witnessed: { readonly size: number; readonly t: number } | null = null
  private chain: string | null = null
  private boot: string | null = null
  private firstT: number | null = null
  private lastT: number | null = null
  private nextSeq = 0
  private leaf = NO_LEAF
  /** The entry before was damaged: that this one doesn't follow its bytes is no second finding. */
  private afterDamage = false

  constructor(options: VerifyOptions) {
    this.options = options
    this.trust = new TrustedKeys(options.keys)
    this.tree = new GrowingTree(options.crypto)
    this.recovery = new RecoveryCheck(options.recovery, options.keys !== null)
    this.checkpoints = [...options.checkpoints].sort((a, b) => a.size - b.size)
  }

  /** Entries added so far. */
  get size(): number {
    return this.tree.size
  }

  /** Root over the entries added so far, hex. */
  root(): string {
    return this.tree.rootHex()
  }

  /** Leaf of the newest entry, hex; zeros before the first. */
  newestLeaf(): string {
    return this.leaf
  }

  open(): readonly OpenInLog[] {
    return [...this.openAttempts.values()].map(({ seq, id, t }) => ({ seq, id, t }))
  }

  /** The keys that a signature can be checked with now, before its place is looked at; null where none is to be. */
  keys(): ReadonlyMap<string, Uint8Array> | null {
    return this.options.signatures === false ? null : this.trust.known()
  }

  /** Checks one entry against all before it; returns the hashes of the subtrees that it completes, by level. */
  add(bytes: Uint8Array): readonly Uint8Array[] {
    return this.take({ bytes, checked: checkEntry(this.options.crypto, this.keys(), bytes) })
  }

  /** The same for an entry that was checked by itself before. */
  take({ bytes, checked }: LogStep): readonly Uint8Array[] {
    const before = this.findingCount
    const leaf = hex(checked.leaf)
    if (checked.kind === 'malformed') {
      this.report('entry_malformed', this.size, checked.detail)
      this.nextSeq++
    } else {
      const { entry } = checked
      this.checkStart(entry)
      if (this.checkSignature(checked, bytes)) this.followKeys(entry)
      this.checkPlace(entry)
      this.checkBoot(entry)
      this.checkPairing(entry, leaf)
      this.checkRecovery(entry)
      this.checkArchive(entry)
      this.count(entry)
    }
    this.afterDamage = this.findingCount > before
    this.leaf = leaf
    const completed = this.tree.append(checked.leaf)
    this.pastRoots.pass(this.size, () => this.tree.root())
    this.meetCheckpoints()
    return completed
  }

  /** Ends the log and says what was proven. */
  finish(): Verification {
    if (this.size === 0) this.report('log_empty', null)
    else if (this.recovery.isMissing) this.report('recover_missing', null, '', 0)
    for (const checkpoint of this.checkpoints.splice(0)) this.missTail(checkpoint)
    const revoked = this.uncovered.rest()
    if (revoked !== null) this.report('entry_key_revoked', revoked.start, `${revoked.entries} from here on`)
    return {
      mode: this.trust.mode,
      trustVersion: this.options.keys?.trustVersion ?? null,
      signatures: this.options.signatures !== false,
      sound: this.findingCount === 0,
      chain: this.chain,
      size: this.size,
      validPrefix: Math.min(this.validPrefix ?? this.size, this.size),
      root: this.root(),
      leaf: this.size === 0 ? null : this.leaf,
      firstT: this.firstT,
      lastT: this.lastT,
      counts: this.counts,
      checkpointed: this.checkpointed,
      witnessed: this.witnessed?.size ?? null,
      witnessedT: this.witnessed?.t ?? null,
      unwitnessedTail: this.size - (this.witnessed?.size ?? 0),
      open: this.open(),
      recovered: this.recovery.recovered,
      findings: this.findings,
      findingCount: this.findingCount,
    }
  }

  /** Adds a finding; `provenSize` is how many entries stay valid in spite of it, `seq` unless told. */
  report(code: FindingCode, seq: number | null, detail = '', provenSize: number = seq ?? this.size): void {
    this.findingCount++
    if (this.findings.length < MAX_FINDINGS) this.findings.push(findingAt(code, seq, detail))
    this.validPrefix = Math.min(this.validPrefix ?? provenSize, provenSize)
  }

  /** Adds a finding about what an entry says; see `ReportDeviation`. */
  deviation(code: FindingCode, seq: number, detail?: string): void {
    this.report(code, seq, detail, Number.POSITIVE_INFINITY)
  }

  private checkStart(entry: Entry): void {
    if (this.size > 0) return
    this.chain = entry.chain
    this.boot = entry.boot
    this.firstT = entry.t
    // ATTACK: the keys of one sidecar must not vouch for a log that claims to be another's.
    const enrolled = this.trust.origin
    if (enrolled !== null && !entry.chain.startsWith(`${enrolled}/`))
      this.report('chain_origin', 0, `the keys are enrolled for ${enrolled}`)
    if (entry.type !== 'genesis' || entry.seq !== 0) {
      this.report('chain_start', 0)
      return
    }
    if (!entry.chain.startsWith(`${entry.data.origin}/`)) this.report('chain_origin', 0)
    if (!this.trust.begin(entry)) this.report('entry_malformed', 0, 'a key that is no Ed25519 key')
  }

  /** True where nothing is wrong with it: then what it says about keys counts. */
  private checkSignature(
    checked: Extract<CheckedEntry, { kind: 'well-formed' }>,
    bytes: Uint8Array,
  ): boolean {
    const { entry, keyid, signature } = checked
    if (signature === 'unchecked') return true
    const key = this.trust.receiptKey(keyid, entry)
    if (key === undefined) this.report('entry_key', this.size, keyid)
    else if (this.verdict(signature, bytes) !== 'valid') this.report('entry_signature', this.size)
    else {
      this.uncovered.add(this.size, this.trust.revokedSince(key))
      return true
    }
    return false
  }

  /** A key that was not known when the entry was checked by itself may be known at its place. */
  private verdict(ahead: SignatureVerdict, bytes: Uint8Array): SignatureVerdict {
    if (ahead !== 'unknown key') return ahead
    const again = checkEntry(this.options.crypto, this.trust.known(), bytes)
    return again.kind === 'well-formed' ? again.signature : 'invalid'
  }

  private followKeys(entry: Entry): void {
    const unnamed = this.size === 0 ? this.trust.unnamed(entry) : null
    if (unnamed !== null) this.report('key_uncertified', 0, `the ${unnamed} key`)
    const problem = this.trust.follow(entry)
    if (problem !== null) this.report(problem.code, this.size, problem.detail)
  }

  private checkPlace(entry: Entry): void {
    if (entry.chain !== this.chain) this.report('chain_origin', this.size, entry.chain)
    if (entry.seq !== this.nextSeq)
      this.report('chain_seq', this.size, `seq ${entry.seq} where ${this.nextSeq} belongs`)
    else if (entry.prev !== this.leaf && !this.afterDamage) this.report('chain_prev', this.size)
    this.nextSeq = entry.seq + 1
    if (this.lastT !== null && entry.t < this.lastT)
      this.report('chain_time', this.size, `${this.lastT - entry.t} ms`)
    this.lastT = entry.t
  }

  private checkBoot(entry: Entry): void {
    if (entry.type !== 'boot') {
      if (entry.boot !== this.boot) this.report('boot_unannounced', this.size)
      return
    }
    this.boot = entry.boot
    if (entry.data.size !== this.size || entry.data.root !== this.root()) this.report('boot_head', this.size)
  }

  private checkPairing(entry: Entry, leaf: string): void {
    if (entry.type === 'attempt' && entry.decision.effect === 'allow')
      this.openAttempts.set(entry.seq, { seq: entry.seq, id: entry.id, t: entry.t, leaf })
    if (entry.type !== 'outcome') return
    if (this.openAttempts.get(entry.attempt)?.leaf === entry.attempt_leaf)
      this.openAttempts.delete(entry.attempt)
    else this.report('outcome_unmatched', this.size, `attempt ${entry.attempt}`)
  }

  private checkRecovery(entry: Entry): void {
    const finding = this.recovery.see(entry, this.size)
    // An epoch that nobody vouches for is not proven from its first entry on.
    if (finding !== null)
      this.report(finding.code, this.size, finding.detail, this.size > PLACE_OF_RECOVERY ? this.size : 0)
  }

  /** ATTACK: entries are said to be in an archive that this log never had. */
  private checkArchive(entry: Entry): void {
    if (entry.type !== 'archive') return
    const { size, root } = entry.data as { size: number; root: string }
    if (!this.pastRoots.had(size, root)) this.report('archive_root', this.size, `at size ${size}`)
  }

  private count(entry: Entry): void {
    const what = entry.type === 'attempt' ? `attempt ${entry.decision.effect}` : entry.type
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  private meetCheckpoints(): void {
    while (this.checkpoints[0]?.size === this.size) {
      const checkpoint = this.checkpoints.shift() as SignedCheckpoint
      if (!this.isOfThisLog(checkpoint)) continue
      if (checkpoint.root === this.root()) this.takeCheckpoint(checkpoint)
      // A damaged entry changes the root by itself; only without one is everything since the last checkpoint in doubt.
      else
        this.report('root_differs', null, `at size ${this.size}`, this.validPrefix ?? this.checkpointed ?? 0)
    }
  }

  private takeCheckpoint(checkpoint: SignedCheckpoint): void {
    this.checkpointed = this.size
    if (this.isKept(checkpoint)) this.uncovered.clear()
    const t = this.witnessedMs(checkpoint)
    if (t === null) return
    this.witnessed = { size: this.size, t }
    // ATTACK: what was done is dated to a later time, when something else allowed it.
    if (this.lastT !== null && this.lastT > t + CLOCKS_MS)
      this.deviation('chain_ahead', this.size - 1, `${this.lastT - t} ms`)
    this.uncovered.seenAt(t)
  }

  /** When witnesses in other trust domains had seen a checkpoint, as the policy asks for it. */
  private witnessedMs(checkpoint: SignedCheckpoint): number | null {
    const { crypto, witnesses } = this.options
    if (witnesses === undefined || witnesses.quorum === null) return null
    // A policy that lists logs counts the cosignatures of these alone.
    if (witnesses.logs.length > 0 && !isSignedByLogOf(crypto, witnesses, checkpoint)) return null
    const seconds = witnessedAt(crypto, witnesses, checkpoint)
    return seconds === null ? null : seconds * 1_000
  }

  private isKept({ body }: SignedCheckpoint): boolean {
    return this.options.kept?.some(kept => kept.body === body) === true
  }

  private missTail(checkpoint: SignedCheckpoint): void {
    if (!this.isOfThisLog(checkpoint)) return
    if (checkpoint.size === 0) {
      if (checkpoint.root !== new GrowingTree(this.options.crypto).rootHex())
        this.report('root_differs', null, 'at size 0', 0)
      return
    }
    this.report(
      'tail_missing',
      null,
      `the checkpoint covers ${checkpoint.size} entries, ${this.size} are here`,
    )
  }

  private isOfThisLog(checkpoint: SignedCheckpoint): boolean {
    const { crypto } = this.options
    const keys =
      checkpoint.size > this.size || checkpoint.size === 0
        ? this.trust.laterCheckpointKeys()
        : this.trust.checkpointKeys(checkpoint.size)
    const signers = keys.filter(key => isCheckpointSignedBy(crypto, checkpoint, key))
    if (signers.length === 0 || !signers.some(key => this.isBelieved(key, checkpoint))) {
      const why = signers.length === 0 ? '' : ': its key is revoked'
      this.report('checkpoint_signature', null, `${checkpoint.origin}${why}`, 0)
      return false
    }
    // Without an entry nothing says which log this is.
    if (this.chain !== null && checkpoint.origin !== this.chain) {
      this.report('checkpoint_origin', null, checkpoint.origin, 0)
      return false
    }
    return true
  }

  /** ATTACK: a stolen checkpoint key signs a tree of the thief's. What it signed counts where others saw it before. */
  private isBelieved(key: Uint8Array, checkpoint: SignedCheckpoint): boolean {
    const since = this.trust.revokedSince(key)
    if (since === null || this.isKept(checkpoint)) return true
    const t = this.witnessedMs(checkpoint)
    return t !== null && t < since
  }
}
