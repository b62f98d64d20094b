import {
  CONTENT_ID,
  type Crypto,
  contentId,
  equalBytes,
  formatPublicKey,
  fromHex,
  type JsonObject,
  utf8,
} from '../canon/index.js'
import { readSealedMetadata, type TrustRoot } from '../policy/index.js'
import {
  type Bundle,
  type BundledEntry,
  compareDisclosures,
  type Disclosure,
  parseBundle,
  parseSettledEnvelope,
  payloadOf,
  settledNote,
} from './bundle.js'
import { type Citation, missingCitations } from './bundle-citations.js'
import { type BundleFinding, type BundleFindingCode, bundleFinding } from './bundle-findings.js'
import {
  isBelieved,
  judgeSeal,
  keysByGenesis,
  type OwnTrust,
  type Report,
  trustVersions,
} from './bundle-trust.js'
import { isCheckpointSignedBy, parseCheckpoint, type SignedCheckpoint } from './checkpoint.js'
import { type CommittedField, opensCommitment } from './commitment.js'
import { cosignedAt } from './cosignature.js'
import type { Entry, OutcomeBody } from './entry.js'
import type { NoteSignature } from './note.js'
import { verifyInclusion } from './proof.js'
import { type OpenedEntry, openEntry } from './seal.js'
import { leafHash } from './tree.js'
import { TrustedKeys } from './trusted-keys.js'
import { isSignedByLogOf, type WitnessPolicy, witnessedAt } from './witness-policy.js'

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
  /** Versions of the trust root that were judged by. */
  readonly trustVersions: number
  readonly policies: readonly BundledPolicy[]
  readonly disclosed: readonly Pick<Disclosure, 'seq' | 'field'>[]
  /** Admitted attempts whose outcome is not in the bundle. */
  readonly open: readonly number[]
  /** What entries of the bundle cite and the bundle doesn't hold. */
  readonly missing: readonly Citation[]
  /** The first ones; see `findingCount`. */
  readonly findings: readonly BundleFinding[]
  readonly findingCount: number
}

export interface BundledPolicy {
  readonly cid: string
  readonly name: string
  readonly version: number
  /** Newest version of the trust root that lets it; null where none does. */
  readonly trustVersion: number | null
  /** True where the trust root has withdrawn it since. */
  readonly withdrawn: boolean
}

const MAX_FINDINGS = 20

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
  private readonly policies: BundledPolicy[] = []
  private readonly disclosed: Pick<Disclosure, 'seq' | 'field'>[] = []
  private checkpoint: SignedCheckpoint | null = null
  private versions: readonly TrustRoot[] = []
  /** True where a trust root leads to the keys, be it the bundle's own. */
  private rooted = false
  private keys = new TrustedKeys(null)
  /** Keys whose signatures hold, as `ed25519:…`, with the first entry or the policy that they hold for. */
  private readonly signers = new Map<string, { readonly seq: number | null; readonly what: string }>()
  private witnessedT: number | null = null
  private count = 0

  constructor(options: BundleOptions) {
    this.options = options
  }

  verify(bundle: Bundle): void {
    const { crypto, trust } = this.options
    const report: Report = this.report.bind(this)
    this.versions = trustVersions(crypto, trust, bundle.trust, report)
    this.rooted = trust !== null || bundle.trust.length > 0
    this.checkpoint = this.readCheckpoint(bundle.checkpoint)
    this.count = bundle.entries.length
    this.verifyEntries(bundle.entries, report)
    this.verifyCheckpoint()
    this.verifyPolicies(bundle.policies)
    this.verifyCatalogs(bundle)
    this.verifyDisclosures(bundle.disclosures)
    this.verifySigners()
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
      trustVersions: this.versions.length,
      policies: this.policies,
      disclosed: this.disclosed,
      open: [...this.openAttempts],
      missing: missingCitations(entries, new Set(this.policies.map(({ cid }) => cid))),
      findings: this.findings,
      findingCount: this.findingCount,
    }
  }

  private readCheckpoint(note: string): SignedCheckpoint | null {
    try {
      const checkpoint = parseCheckpoint(utf8(note))
      if (settledNote(note) !== note) this.report('bundle_order', null, 'signature lines of the checkpoint')
      return checkpoint
    } catch (error) {
      this.report('checkpoint_malformed', null, (error as Error).message)
      return null
    }
  }

  private verifyEntries(entries: readonly BundledEntry[], report: Report): void {
    let before: Entry | null = null
    for (const bundled of entries) {
      if (before !== null && bundled.seq <= before.seq) this.report('bundle_order', bundled.seq, 'entries')
      const opened = this.opened(bundled)
      if (opened === null) continue
      const { entry } = opened
      this.entries.set(bundled.seq, entry)
      this.verifyInclusion(bundled)
      if (before === null) this.beginLog(entry, report)
      this.verifySignature(opened)
      this.verifyPlace(entry, bundled.seq, before)
      this.verifyPairing(entry)
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
  private beginLog(entry: Entry, report: Report): void {
    if (entry.type !== 'genesis' || entry.seq !== 0) this.report('chain_start', null)
    else if (!entry.chain.startsWith(`${entry.data.origin}/`)) this.report('chain_origin', 0)
    const { crypto } = this.options
    this.keys = new TrustedKeys(this.rooted ? keysByGenesis(crypto, this.versions, entry, report) : null)
    this.keys.begin(entry)
  }

  private verifySignature({ entry, keyid, signed, signature }: OpenedEntry): void {
    const key = this.keys.receiptKey(keyid, entry)
    if (key === undefined) this.report('entry_key', entry.seq, keyid)
    else if (!this.options.crypto.verify(key, signed, signature)) this.report('entry_signature', entry.seq)
    else this.note(formatPublicKey(key), entry.seq)
  }

  private note(signer: string, seq: number | null, what = ''): void {
    if (!this.signers.has(signer)) this.signers.set(signer, { seq, what })
  }

  private verifyPlace(entry: Entry, seq: number, before: Entry | null): void {
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

  private verifyCheckpoint(): void {
    const { checkpoint } = this
    if (checkpoint === null) return
    const { crypto, witnesses } = this.options
    const lines = checkpoint.signatures.map(line => ({ ...checkpoint, signatures: [line] }))
    const own = lines.filter(line => nameOf(line) === checkpoint.origin)
    const signers = own.map(line => this.checkpointSigner(line))
    if (signers.length === 0 || signers.includes(undefined))
      this.report('checkpoint_signature', null, checkpoint.origin)
    for (const line of lines.filter(line => !own.includes(line))) {
      if (witnesses === undefined || !isCosigned(crypto, witnesses, line))
        this.report('checkpoint_line', null, `${nameOf(line)}: name its key in a witness policy`)
    }
    if (new Set(checkpoint.signatures.map(keyOf)).size !== lines.length)
      this.report('checkpoint_line', null, 'one key twice')
    if (witnesses === undefined) return
    if (witnesses.logs.length > 0 && !isSignedByLogOf(crypto, witnesses, checkpoint))
      this.report('checkpoint_signature', null, 'by no log of the witness policy')
    if (witnesses.quorum === null) return
    const seconds = witnessedAt(crypto, witnesses, checkpoint)
    if (seconds === null) this.report('checkpoint_witness', null)
    else this.witnessedT = seconds * 1_000
  }

  private checkpointSigner(line: SignedCheckpoint): Uint8Array | undefined {
    const { crypto } = this.options
    const key = this.keys.checkpointKeys(line.size).find(each => isCheckpointSignedBy(crypto, line, each))
    if (key !== undefined) this.note(formatPublicKey(key), null, 'the checkpoint')
    return key
  }

  /** ATTACK: a stolen key signs a history of the thief's. What it signed counts where others saw it before. */
  private verifySigners(): void {
    for (const [signer, { seq, what }] of this.signers) {
      if (!isBelieved(this.versions, signer, this.witnessedT))
        this.report('key_revoked', seq, `${what === '' ? '' : `${what}: `}${signer}`)
    }
  }

  private verifyPolicies(policies: readonly string[]): void {
    const cited = citedPolicies(this.entries.values())
    let before = ''
    for (const written of policies) {
      const policy = this.openedPolicy(written)
      if (policy === null) continue
      if (policy.cid <= before) this.report('bundle_order', null, 'policies')
      if (!cited.has(policy.cid)) this.report('policy_uncited', null, policy.cid)
      this.policies.push(policy)
      before = policy.cid
    }
  }

  private openedPolicy(written: string): BundledPolicy | null {
    try {
      const envelope = parseSettledEnvelope(written)
      const { name, version } = readSealedMetadata(payloadOf(envelope) as JsonObject)
      const cid = contentId(this.options.crypto, envelope.payload)
      const unjudged = { cid, name, version, trustVersion: null, withdrawn: false }
      if (!this.rooted) return unjudged
      const judged = judgeSeal(this.options.crypto, this.versions, envelope)
      if (judged.kind === 'good') {
        for (const key of judged.revoked) this.note(key, null, `policy ${cid}`)
        return { ...unjudged, trustVersion: judged.version, withdrawn: judged.withdrawn }
      }
      this.report('policy_signature', null, `${cid}: ${judged.why}`)
      return unjudged
    } catch (error) {
      this.report('policy_malformed', null, (error as Error).message)
      return null
    }
  }

  private verifyCatalogs({ catalogs, policies }: Bundle): void {
    const pinned = new Set(policies.flatMap(digestsIn))
    let before = ''
    for (const catalog of catalogs) {
      const digest = contentId(this.options.crypto, utf8(catalog))
      if (digest <= before) this.report('bundle_order', null, 'catalogs')
      if (!pinned.has(digest)) this.report('catalog_uncited', null, digest)
      before = digest
    }
  }

  private verifyDisclosures(disclosures: readonly Disclosure[]): void {
    let before: Disclosure | null = null
    for (const disclosure of disclosures) {
      const { seq, field } = disclosure
      if (before !== null && compareDisclosures(before, disclosure) >= 0)
        this.report('bundle_order', seq, 'disclosures')
      before = disclosure
      const committed = this.committed(seq, field)
      if (committed !== undefined && opensCommitment(this.options.crypto, committed, disclosure))
        this.disclosed.push({ seq, field })
      else this.report('disclosure_unmatched', seq, field)
    }
  }

  private committed(seq: number, field: CommittedField): string | undefined {
    const entry = this.entries.get(seq)
    return entry === undefined ? undefined : commitmentIn(entry, this.outcomes.get(seq), field)
  }
}

/** What an attempt, or its outcome, has committed to for a field; undefined where it has no such field. */
export function commitmentIn(
  attempt: Entry,
  outcome: OutcomeBody | undefined,
  field: CommittedField,
): string | undefined {
  if (attempt.type !== 'attempt') return undefined
  switch (field) {
    case 'target':
      return attempt.req.target_c
    case 'body':
      return attempt.req.body_c ?? outcome?.body_c
    case 'inputs':
      return attempt.inputs_c
    case 'resp':
      return outcome?.resp_c
    default:
      return attempt.ops[Number(field.slice('ops.'.length))]?.more?.all_c
  }
}

/** Content ids of the policies that entries cite. */
function citedPolicies(entries: Iterable<Entry>): ReadonlySet<string> {
  const cited = new Set<string>()
  for (const entry of entries) {
    if (entry.type === 'attempt') cited.add(entry.policy.cid)
    if (entry.type === 'approval') cited.add(entry.data.policy as string)
    if (entry.type === 'policy' && entry.data.cid !== null) cited.add(entry.data.cid as string)
  }
  return cited
}

const DIGEST = new RegExp(CONTENT_ID.source.replace(/[$^]/g, ''), 'g')

/** Every content id in a sealed policy's payload. */
function digestsIn(policy: string): readonly string[] {
  try {
    const { payload } = parseSettledEnvelope(policy)
    return new TextDecoder().decode(payload).match(DIGEST) ?? []
  } catch {
    // A finding already, where the policies were looked at.
    return []
  }
}

/** True where the one line of this checkpoint is by a witness of the policy. */
function isCosigned(crypto: Crypto, { witnesses }: WitnessPolicy, line: SignedCheckpoint): boolean {
  return [...witnesses.values()].some(({ key }) => cosignedAt(crypto, line, key) !== null)
}

function nameOf({ signatures }: SignedCheckpoint): string {
  return signatures[0]?.name ?? ''
}

function keyOf({ name, keyHash }: NoteSignature): string {
  return `${name} ${keyHash.join()}`
}

function countsOf(entries: readonly Entry[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const entry of entries) {
    const what = entry.type === 'attempt' ? `attempt ${entry.decision.effect}` : entry.type
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}
