import { type Crypto, hex, keyIdOf, parsePublicKey } from '../canon/index.js'
import { isCheckpointSignedBy, type SignedCheckpoint } from './checkpoint.js'
import type { ControlBody, Entry, EntryPosition } from './entry.js'
import { type FindingCode, type FindingInLog, findingAt } from './findings.js'
import { type OpenRecovery, PLACE_OF_RECOVERY, type Recovered, RecoveryCheck } from './recovered.js'
import { type OpenedEntry, openEntry } from './seal.js'
import { GrowingTree, leafHash } from './tree.js'
import { type WitnessPolicy, witnessedAt } from './witness-policy.js'

/** Raw public keys, from outside of what is verified: a trust root and enrolment, or the command line. */
export interface PinnedKeys {
  /** The keys are good for logs of this origin only; null where that is not known. */
  readonly origin: string | null
  readonly receipt: readonly Uint8Array[]
  readonly checkpoint: readonly Uint8Array[]
}

export interface VerifyOptions {
  readonly crypto: Crypto
  /** Null: *integrity only*, with the keys that the log itself names; that proves no origin. */
  readonly keys: PinnedKeys | null
  /** Checkpoints that the log must contain; any order. */
  readonly checkpoints: readonly SignedCheckpoint[]
  /** Which witnesses have to have seen a checkpoint for it to count as witnessed. */
  readonly witnesses?: WitnessPolicy
  /** Opens the recovery that began a later epoch, under a pinned trust root. */
  readonly recovery?: OpenRecovery
}

/** What was proven, and what was found. There is no bare "OK": `mode`, `checkpointed`, `witnessed` and `open` belong to the answer. */
export interface Verification {
  readonly mode: 'pinned keys' | 'integrity only'
  /** True where nothing was found. */
  readonly sound: boolean
  readonly chain: string | null
  /** Entries read. */
  readonly size: number
  /** Entries before the first finding. */
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
const NO_LEAF = '0'.repeat(64)

/** Verifies a log from its first entry on, in one pass and constant memory (open attempts apart). Never throws: what the source throws becomes a finding. */
export async function verifyEntries(
  entries: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
  onEntry: (count: number) => void = () => {},
): Promise<Verification> {
  const verifier = new LogVerifier(options)
  try {
    for await (const bytes of entries) {
      verifier.add(bytes)
      onEntry(verifier.size)
    }
  } catch (error) {
    verifier.report('source_damaged', verifier.size, error instanceof Error ? error.message : String(error))
  }
  return verifier.finish()
}

/** One pass over a log: `add` every entry in order, then `finish`. */
export class LogVerifier {
  private readonly options: VerifyOptions
  private readonly tree: GrowingTree
  private readonly checkpoints: SignedCheckpoint[]
  private readonly findings: FindingInLog[] = []
  private readonly openAttempts = new Map<number, OpenInLog & { readonly leaf: string }>()
  private readonly counts: Record<string, number> = {}
  private readonly recovery: RecoveryCheck
  private receiptKeys = new Map<string, Uint8Array>()
  private checkpointKeys: readonly Uint8Array[] = []
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
    this.tree = new GrowingTree(options.crypto)
    this.recovery = new RecoveryCheck(options.recovery, options.keys !== null)
    this.checkpoints = [...options.checkpoints].sort((a, b) => a.size - b.size)
    if (options.keys !== null) this.trust(options.keys)
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

  /** Checks one entry against all before it; returns the hashes of the subtrees that it completes, by level. */
  add(bytes: Uint8Array): readonly Uint8Array[] {
    const before = this.findingCount
    const leaf = leafHash(this.options.crypto, bytes)
    const opened = this.decoded(bytes)
    if (opened !== undefined) {
      const { entry } = opened
      this.checkStart(entry)
      this.checkSignature(opened)
      this.checkPlace(entry)
      this.checkBoot(entry)
      this.checkPairing(entry, hex(leaf))
      this.checkRecovery(entry)
      this.count(entry)
    }
    this.afterDamage = this.findingCount > before
    this.leaf = hex(leaf)
    const completed = this.tree.append(leaf)
    this.meetCheckpoints()
    return completed
  }

  /** Ends the log and says what was proven. */
  finish(): Verification {
    if (this.size === 0) this.report('log_empty', null)
    else if (this.recovery.isMissing) this.report('recover_missing', null, '', 0)
    for (const checkpoint of this.checkpoints.splice(0)) this.missTail(checkpoint)
    return {
      mode: this.options.keys === null ? 'integrity only' : 'pinned keys',
      sound: this.findingCount === 0,
      chain: this.chain,
      size: this.size,
      validPrefix: this.validPrefix ?? this.size,
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

  private decoded(bytes: Uint8Array): OpenedEntry | undefined {
    try {
      return openEntry(bytes)
    } catch (error) {
      this.report('entry_malformed', this.size, (error as Error).message)
      this.nextSeq++
      return undefined
    }
  }

  private checkStart(entry: Entry): void {
    if (this.size > 0) return
    this.chain = entry.chain
    this.boot = entry.boot
    this.firstT = entry.t
    // ATTACK: the keys of one sidecar must not vouch for a log that claims to be another's.
    const enrolled = this.options.keys?.origin ?? null
    if (enrolled !== null && !entry.chain.startsWith(`${enrolled}/`))
      this.report('chain_origin', 0, `the keys are enrolled for ${enrolled}`)
    if (entry.type !== 'genesis' || entry.seq !== 0) {
      this.report('chain_start', 0)
      return
    }
    if (!entry.chain.startsWith(`${entry.data.origin}/`)) this.report('chain_origin', 0)
    if (this.options.keys === null) this.trustGenesis(entry)
  }

  /** Without pinned keys the log can only be held to its own word. */
  private trustGenesis(entry: EntryPosition & ControlBody): void {
    try {
      const [receipt, checkpoint] = [entry.data.receipt, entry.data.checkpoint].map(key =>
        parsePublicKey(key as string),
      )
      this.trust({ origin: null, receipt: [receipt as Uint8Array], checkpoint: [checkpoint as Uint8Array] })
    } catch {
      this.report('entry_malformed', 0, 'a key that is no Ed25519 key')
    }
  }

  private trust(keys: PinnedKeys): void {
    this.receiptKeys = new Map(keys.receipt.map(key => [keyIdOf(key), key]))
    this.checkpointKeys = keys.checkpoint
  }

  private checkSignature({ keyid, signed, signature }: OpenedEntry): void {
    const key = this.receiptKeys.get(keyid)
    if (key === undefined) this.report('entry_key', this.size, keyid)
    else if (!this.options.crypto.verify(key, signed, signature)) this.report('entry_signature', this.size)
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
    const { crypto, witnesses } = this.options
    if (witnesses === undefined || witnesses.quorum === null) return
    const seconds = witnessedAt(crypto, witnesses, checkpoint)
    if (seconds !== null) this.witnessed = { size: this.size, t: seconds * 1_000 }
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
    if (!this.checkpointKeys.some(key => isCheckpointSignedBy(crypto, checkpoint, key))) {
      this.report('checkpoint_signature', null, checkpoint.origin, 0)
      return false
    }
    if (checkpoint.origin !== this.chain) {
      this.report('checkpoint_origin', null, checkpoint.origin, 0)
      return false
    }
    return true
  }
}
