import { CountersignError, type Crypto, hex } from '../canon/index.js'
import {
  decodeEntry,
  emptyRoot,
  type FindingCode,
  GrowingTree,
  isCheckpointSignedBy,
  leafHash,
  type OpenRecovery,
  type PinnedKeys,
  type SignedCheckpoint,
  type Verification,
} from '../receipt/index.js'
import { LEDGER_VERDICTS, type LedgerVerdict } from './check-verdict.js'
import { type Evidence, openEvidence, readCheckpointFile, salvageFolder } from './evidence.js'
import { isLocked } from './lock.js'
import { type Mark, readMark } from './mark.js'
import { unfinishedEpoch } from './next-epoch.js'
import { databaseFiles } from './preserve.js'
import { EMPTY_LEAF, isReadAtStart } from './sound.js'
import { storeExists } from './store.js'
import type { TableDamage } from './table-file.js'

export interface CheckOptions {
  /** The ledger's folder, or a copy of it. */
  readonly dir: string
  readonly highWater: string
  /** Checkpoints from elsewhere (a witness, a shipped copy) that the ledger must contain as well. */
  readonly checkpoints: readonly SignedCheckpoint[]
  /** Keys from outside the ledger; by its first entry where the enrolment that it carries leads to them. */
  readonly keys: (firstEntry: Uint8Array | undefined) => PinnedKeys
  readonly crypto: Crypto
  /** Where archived entries are, if not where they were moved to. */
  readonly archive?: string
  /** Opens the recovery that a later epoch cites. */
  readonly recovery?: OpenRecovery
  /** Reads the `memory` as well. */
  readonly withMemory?: boolean
}

/** The entries that are proven, from the first on. */
export interface ValidPrefix {
  readonly size: number
  readonly root: string
  readonly leaf: string
  /** Time of its newest entry, Unix milliseconds; 0 where there is none. */
  readonly t: number
}

/** What `countersign ledger check` found out. Nothing was changed to find it. */
export interface LedgerCheck {
  readonly verdict: LedgerVerdict
  /** What exactly; empty where the verdict says all. */
  readonly detail: string
  /** Origin with epoch, of the ledger or else of its mark; null where neither says. */
  readonly chain: string | null
  /** Null where it is missing or invalid. */
  readonly mark: Mark | null
  readonly left: ValidPrefix
  /** Entries that are known to have been there and are not proven any more. There may have been more. */
  readonly lost: number
  /** Null where no entry could be read. */
  readonly verification: Verification | null
  /** What a recovery needs to know; null where it was not asked for, or nothing could be read. */
  readonly memory: LedgerMemory | null
}

/** What the use cases had written down. No signature vouches for `states`. */
export interface LedgerMemory {
  /** Name → value; see `Evidence.states`. */
  readonly states: readonly (readonly [name: string, value: string])[]
  /** The policy of the highest version that an entry says was activated. */
  readonly policy: { readonly cid: string; readonly version: number } | null
}

/**
 * Reads a stopped ledger from end to end and says in one word what it is worth; its files are copied before they are
 * opened. Damage is an answer and not a fault; what the options' `keys` throws is thrown.
 */
export async function checkLedger(
  options: CheckOptions,
  onEntry: (count: number) => void = () => {},
): Promise<LedgerCheck> {
  const marked = await markIn(options)
  const bare = bareCheck(options, marked)
  if (await isLocked(options.dir)) return bare('ledger_locked', options.dir)
  const unfinished = await unfinishedEpoch(options)
  if (unfinished !== null) return bare('recovery_unfinished', `epoch ${unfinished}`)
  const opened = await openBest(options)
  if ('code' in opened) {
    const { code, detail } = opened
    const nothingKnown = knownSize(options, marked.mark, 0) === 0 && marked.fault !== 'mark_invalid'
    return code === 'ledger_missing' && nothingKnown ? bare('ledger_empty') : bare(code, detail)
  }
  const { evidence, unreadable } = opened
  try {
    const keys = options.keys(await firstOf(evidence))
    const verification = await evidence.verify(
      {
        crypto: options.crypto,
        keys,
        checkpoints: [...marked.notes, ...options.checkpoints],
        ...(options.recovery === undefined ? {} : { recovery: options.recovery }),
      },
      onEntry,
    )
    const left = await validPrefix(evidence, verification, options.crypto)
    const chain = verification.chain ?? marked.mark?.origin ?? null
    const damage = damageAtStart(evidence, marked.mark)
    const verdict = marked.isSignedBy(keys)
      ? verdictOf(verification, marked, unreadable, damage)
      : 'mark_invalid'
    return {
      verdict,
      detail: unreadable?.message ?? detailOf(verdict, verification, marked, damage),
      chain,
      mark: verdict === 'mark_invalid' ? null : marked.mark,
      left,
      lost: Math.max(0, knownSize(options, marked.mark, verification.size) - left.size),
      verification,
      memory: options.withMemory === true ? await memoryOf(evidence) : null,
    }
  } finally {
    await evidence.close()
  }
}

interface MarkFound {
  readonly mark: Mark | null
  readonly notes: readonly SignedCheckpoint[]
  readonly fault: 'mark_missing' | 'mark_invalid' | null
  /** True where there is none. */
  isSignedBy(keys: PinnedKeys): boolean
}

async function markIn({ highWater, crypto }: CheckOptions): Promise<MarkFound> {
  const none = { mark: null, notes: [], isSignedBy: () => true }
  try {
    const mark = await readMark(highWater, crypto, null)
    if (mark === null) return { ...none, fault: 'mark_missing' }
    const note = await readCheckpointFile(highWater, crypto)
    return {
      mark,
      notes: [note],
      fault: null,
      isSignedBy: keys => keys.checkpoint.some(key => isCheckpointSignedBy(crypto, note, key)),
    }
  } catch {
    return { ...none, fault: 'mark_invalid' }
  }
}

/** The answers that need no entry. */
function bareCheck(options: CheckOptions, { mark }: MarkFound) {
  return (verdict: LedgerVerdict, detail = ''): LedgerCheck => ({
    verdict,
    detail,
    chain: mark?.origin ?? null,
    mark,
    left: { size: 0, root: hex(emptyRoot(options.crypto)), leaf: EMPTY_LEAF, t: 0 },
    lost: knownSize(options, mark, 0),
    verification: null,
    memory: null,
  })
}

type Opened =
  | { readonly evidence: Evidence; readonly unreadable: CountersignError | null }
  | {
      readonly code: 'ledger_missing' | 'ledger_unreadable' | 'evidence_moving' | ArchiveVerdict
      readonly detail: string
    }

type ArchiveVerdict = 'archive_unreadable' | 'archive_differs'

/** The ledger as it is, or else what can be salvaged of it. */
async function openBest({ dir, crypto, archive }: CheckOptions): Promise<Opened> {
  const withArchive = archive === undefined ? {} : { archive }
  const files = await databaseFiles(dir)
  if (!(await storeExists(dir)) && files.length === 0) return { code: 'ledger_missing', detail: dir }
  try {
    return { evidence: await openEvidence(dir, crypto, withArchive), unreadable: null }
  } catch (error) {
    const fault = faultOf(error)
    if (fault.code === 'evidence_moving') return { code: 'evidence_moving', detail: dir }
    if (isOfArchive(fault)) return { code: fault.code, detail: fault.message }
    try {
      return { evidence: await salvageFolder(dir, crypto, archive), unreadable: fault }
    } catch (second) {
      const again = faultOf(second)
      if (isOfArchive(again)) return { code: again.code, detail: again.message }
      return { code: 'ledger_unreadable', detail: again.message }
    }
  }
}

function isOfArchive(fault: CountersignError): fault is CountersignError & { readonly code: ArchiveVerdict } {
  return fault.code === 'archive_unreadable' || fault.code === 'archive_differs'
}

function faultOf(error: unknown): CountersignError {
  if (error instanceof CountersignError) return error
  throw error
}

async function firstOf(evidence: Evidence): Promise<Uint8Array | undefined> {
  try {
    for await (const bytes of evidence.entries()) return bytes
  } catch {
    // The verification meets the same fault and names it.
  }
  return undefined
}

/** Findings that are not about an entry. Every other one is. */
const VERDICT_OF: Partial<Record<FindingCode, LedgerVerdict>> = {
  log_empty: 'ledger_behind_mark',
  tail_missing: 'ledger_behind_mark',
  root_differs: 'ledger_differs',
  store_tree: 'tree_damaged',
  store_head: 'tree_damaged',
  store_open: 'tree_damaged',
  checkpoint_origin: 'ledger_foreign',
  checkpoint_signature: 'ledger_foreign',
}

/** The gravest first: what is wrong with an entry explains what is wrong with the whole. */
const GRAVITY: readonly LedgerVerdict[] = [
  'ledger_foreign',
  'entry_damaged',
  'ledger_behind_mark',
  'ledger_differs',
  'tree_damaged',
]

function verdictOf(
  verification: Verification,
  { mark, fault }: MarkFound,
  unreadable: CountersignError | null,
  damage: TableDamage | undefined,
): LedgerVerdict {
  if (unreadable !== null) return 'ledger_unreadable'
  if (verification.size === 0 && (mark?.size ?? 0) === 0) return fault ?? 'ledger_empty'
  const found = new Set(verification.findings.map(finding => verdictOfFinding(finding.code, verification)))
  if (damage !== undefined) found.add('tree_damaged')
  const gravest = GRAVITY.find(verdict => found.has(verdict))
  if (fault !== null && gravest !== 'entry_damaged' && gravest !== 'ledger_foreign') return fault
  return gravest ?? (verification.size > (mark?.size ?? 0) ? 'ahead_of_mark' : 'sound')
}

function verdictOfFinding(
  code: FindingCode,
  { validPrefix, findingCount, size }: Verification,
): LedgerVerdict {
  // ATTACK: one entry by another key is damage; a whole log of another key is another sidecar's.
  const whole = validPrefix === 0 && findingCount >= size
  if (whole && (code === 'entry_key' || code === 'chain_origin')) return 'ledger_foreign'
  return VERDICT_OF[code] ?? 'entry_damaged'
}

/** What a start would rely on and no entry covers, counters and revocations above all. */
function damageAtStart({ damage }: Evidence, mark: Mark | null): TableDamage | undefined {
  const isRead = isReadAtStart(mark?.size ?? 0)
  return damage.find(({ span }) => span === null || isRead(span))
}

function detailOf(
  verdict: LedgerVerdict,
  { findings, size }: Verification,
  { mark }: MarkFound,
  damage: TableDamage | undefined,
): string {
  if (verdict === 'ahead_of_mark') return `${size - (mark?.size ?? 0)} entries after it`
  if (LEDGER_VERDICTS[verdict].sound) return ''
  return findings[0]?.message ?? (damage === undefined ? '' : `${damage.name}: ${damage.problem}`)
}

/** The first entries, up to the first that doesn't hold: counted and hashed again where that isn't all of them. */
async function validPrefix(
  evidence: Evidence,
  { validPrefix, size, root, leaf, lastT }: Verification,
  crypto: Crypto,
): Promise<ValidPrefix> {
  if (validPrefix === size) return { size, root, leaf: leaf ?? EMPTY_LEAF, t: lastT ?? 0 }
  const tree = new GrowingTree(crypto)
  const left = { leaf: EMPTY_LEAF, t: 0 }
  if (validPrefix > 0)
    for await (const bytes of evidence.entries()) {
      const hash = leafHash(crypto, bytes)
      tree.append(hash)
      left.leaf = hex(hash)
      left.t = decodeEntry(bytes).t
      if (tree.size === validPrefix) break
    }
  return { size: tree.size, root: tree.rootHex(), ...left }
}

/** Entries that there certainly were: those that are here, and those that a mark or checkpoint covers. */
function knownSize({ checkpoints }: CheckOptions, mark: Mark | null, read: number): number {
  return Math.max(read, mark?.size ?? 0, ...checkpoints.map(({ size }) => size))
}

async function memoryOf(evidence: Evidence): Promise<LedgerMemory> {
  let policy: LedgerMemory['policy'] = null
  try {
    for await (const bytes of evidence.entries()) {
      const activated = activatedBy(bytes)
      if (activated !== null && activated.version >= (policy?.version ?? 0)) policy = activated
    }
  } catch {
    // What can't be read can't be remembered; the verification has named it.
  }
  return { states: await evidence.states().catch(() => []), policy }
}

/** A damaged entry may still tell of a version; believing it only ever refuses more. */
function activatedBy(bytes: Uint8Array): LedgerMemory['policy'] {
  try {
    const entry = decodeEntry(bytes)
    if (entry.type !== 'policy' || entry.data.action !== 'activated') return null
    return { cid: entry.data.cid as string, version: entry.data.version as number }
  } catch {
    return null
  }
}
