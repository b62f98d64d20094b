import { dirname } from 'node:path'
import { type CountersignError, type Crypto, formatPublicKey, hex } from '../canon/index.js'
import { type Checkpoint, type ControlBody, emptyRoot } from '../receipt/index.js'
import { namingDisk } from './disk-fault.js'
import { ledgerFault } from './error-table.js'
import { FullCheck, type FullCheckPace, refuseUnsound } from './full-check/full-check.js'
import { dropOtherSnapshots, dropSnapshot, takePreserved, takeSnapshot } from './full-check/snapshot.js'
import type { Ledger, LedgerHead } from './ledger.js'
import { makeFolder } from './make-folder.js'
import { encodeMark, type Mark, readMark, writeMark } from './mark.js'
import { databaseFiles, forgetPreserved, preserve } from './preserve.js'
import type { SideCipher } from './side.js'
import {
  checkAgainstMark,
  checkAgainstWitnessed,
  EMPTY_LEAF,
  isReadAtStart,
  readOpen,
  readTail,
} from './sound.js'
import { Store, type StoredHead, storeExists } from './store.js'
import {
  type HandOver,
  isDone,
  type KeySuccession,
  type LogKey,
  lastHandOver,
  type RetiringKey,
} from './succession.js'
import { damagedTables } from './table-file.js'
import { type LedgerLimits, LedgerWriter, type WriterOptions } from './writer.js'

export interface OpenLedgerOptions {
  /** Folder of the database; made on the first run. */
  readonly dir: string
  /** High-water file, on another volume. */
  readonly highWater: string
  /** `<domain>/countersign/<sidecar>`; the epoch is added here. */
  readonly origin: string
  /** Receipt key. */
  readonly signer: LogKey
  readonly checkpointKey: LogKey
  /** The checkpoint key before, where it still signs beside; the high-water file may be signed by it alone. */
  readonly retiring?: RetiringKey | null
  /** Keys that are to follow. Where the log was handed over to them already, they are the ones in force. */
  readonly succession?: KeySuccession | null
  readonly crypto: Crypto
  /** Unix milliseconds. */
  readonly clock: () => number
  /** UUID of this start of the keeper. */
  readonly boot: string
  /** Name and version of the software, for the `boot` entry. */
  readonly software: string
  /** Enrolment envelope as text, for the `genesis` entry: lets a verifier go from the trust root to the keys. */
  readonly enrolment: string | null
  /** Null where decision inputs are not kept. */
  readonly side: SideCipher | null
  readonly limits?: Partial<LedgerLimits>
  /** The newest checkpoint that witnesses have cosigned, verified; the ledger must contain it. Of another epoch it says nothing. */
  readonly witnessed?: Checkpoint | null
  /** Reads in the background what a start doesn't; null where nobody does. */
  readonly fullCheck?: FullCheckPace | null
}

/**
 * Opens the ledger for its one writer. Makes it on the first run; otherwise nothing is appended before the tail is
 * sound and the high-water mark is met; how long that takes does not grow with the ledger, and the rest is read behind
 * it. Writes `genesis` (first run) and `boot`, and closes the attempts that a crash
 * left open as `indeterminate`; hands over to other keys where there are some. Faults: `ledger_locked ledger_unreadable
 * ledger_disk ledger_missing ledger_damaged ledger_behind_mark ledger_behind_witness ledger_differs ledger_foreign mark_missing mark_invalid`.
 */
export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  return openSound(options).catch(error => {
    throw namingDisk(error)
  })
}

async function openSound(options: OpenLedgerOptions): Promise<Ledger> {
  const mark = await settleMark(options)
  if (mark.size > 0) await refuseUnsound({ ...options, mark })
  await refuseDamagedTables(options.dir, mark)
  const { store, kept } = await openStore(options)
  try {
    const head = await headOf(store, options)
    await checkAgainstMark(store, head, mark, options.crypto)
    await checkAgainstWitnessed(store, head, options.witnessed ?? null, options.crypto)
    const last = await lastHandOver({ get: key => store.state(key) })
    const keys = keysInForce(options, last)
    const tail = await readTail(store, head, options.crypto, keys.signer.publicKey)
    const open = await readOpen(store, head, options.crypto)
    const fullCheck = await prepareFullCheck(options, mark, head.size, kept)
    await forgetPreserved(options.dir)
    const ledger = new LedgerWriter(store, { head, ...tail, open }, mark.size, {
      ...options,
      ...keys,
      fullCheck,
    })
    if (head.size === 0) await ledger.append(genesisOf(options))
    await ledger.append(bootOf(ledger.head(), options))
    if (keys.succession !== null) await ledger.succeed(keys.succession)
    await closeOpenAttempts(ledger, options.clock)
    await ledger.marked(ledger.head().size - 1)
    ledger.beginFullCheck()
    ledger.archiving.resume()
    return ledger
  } catch (error) {
    await store.close()
    throw error
  }
}

/** ATTACK: a flipped bit in the state of grants or limits, which no entry and no root covers. LevelDB would believe it. */
async function refuseDamagedTables(dir: string, mark: Mark): Promise<void> {
  const [damage] = await damagedTables(dir, isReadAtStart(mark.size))
  if (damage !== undefined) throw ledgerFault('ledger_damaged', `${damage.name}: ${damage.problem}`)
}

type KeysInForce = Pick<WriterOptions, 'signer' | 'checkpointKey' | 'beside'> & {
  /** What is still to happen. */
  readonly succession: KeySuccession | null
}

/** The ledger says which keys are in force: a crash may have come between the hand-over and the files. */
function keysInForce(options: OpenLedgerOptions, last: HandOver | null): KeysInForce {
  const { crypto, signer, checkpointKey, retiring = null, succession = null } = options
  const besides = (before: RetiringKey | null, now: LogKey) =>
    before === null || last === null || before.key.keyid === now.keyid
      ? null
      : { key: before.key, untilMs: last.t + before.overlapMs }
  if (succession === null || !isDone(crypto, succession, last))
    return { signer, checkpointKey, beside: besides(retiring, checkpointKey), succession }
  const before = { key: checkpointKey, overlapMs: succession.overlapMs }
  return {
    signer: succession.signer,
    checkpointKey: succession.checkpointKey,
    beside: besides(before, succession.checkpointKey),
    succession: null,
  }
}

/** LevelDB deletes what it can't read, so the files are kept until the ledger is known to be sound. */
async function openStore(options: OpenLedgerOptions): Promise<{ store: Store; kept: Kept }> {
  const { dir, crypto, boot } = options
  const exists = await storeExists(dir)
  const own = exists && (await preserved(dir))
  const kept = !exists ? 'nothing' : own ? 'by this start' : 'by an earlier start'
  const wanted = options.fullCheck != null && kept === 'by an earlier start'
  try {
    if (wanted) await takeSnapshot(dir, boot)
    return { store: await Store.open(dir, crypto), kept }
  } catch (error) {
    if (wanted) await dropSnapshot(dir, boot)
    if (own && (error as CountersignError).code === 'ledger_locked') await forgetPreserved(dir)
    throw error
  }
}

/** By whom the files were kept before LevelDB opened them; those of an earlier start may be others. */
type Kept = 'nothing' | 'by this start' | 'by an earlier start'

/** What this start kept is what is read. */
async function prepareFullCheck(
  { dir, boot, clock, fullCheck }: OpenLedgerOptions,
  mark: Mark,
  size: number,
  kept: Kept,
): Promise<FullCheck | null> {
  if (fullCheck != null && kept === 'by this start') await takePreserved(dir, boot)
  // What another start left is removed when there is time for it.
  if (fullCheck == null) await dropOtherSnapshots(dir, boot)
  if (fullCheck == null || kept === 'nothing' || size === 0) return null
  return FullCheck.prepare({ dir, boot, mark, size, clock, pace: fullCheck })
}

function preserved(dir: string): Promise<boolean> {
  return preserve(dir).catch((error: Error) => {
    throw ledgerFault('ledger_unreadable', error.message)
  })
}

/**
 * The mark to hold the ledger against. On the first run a mark of size 0 is written before the database is made, so
 * that a crash in between is told from a ledger or a mark that was taken away.
 */
async function settleMark(options: OpenLedgerOptions): Promise<Mark> {
  const { crypto, checkpointKey, retiring, succession, highWater } = options
  // The mark of a hand-over may not have been written any more, or have been the last thing that was.
  const keys = [checkpointKey, retiring?.key, succession?.checkpointKey].flatMap(key => key?.publicKey ?? [])
  const known = await readMark(highWater, crypto, keys)
  const exists = await storeExists(options.dir)
  const files = await databaseFiles(options.dir)
  if (known !== null) {
    // ATTACK: LevelDB makes a new database where CURRENT is gone, and deletes the files of the old one.
    if (!exists && files.some(name => /\.(ldb|log)$/.test(name)))
      throw ledgerFault('ledger_unreadable', 'its file CURRENT is gone')
    if (known.size > 0 && !exists)
      throw ledgerFault('ledger_missing', `the mark covers ${known.size} entries`)
    return known
  }
  if (exists || files.length > 0) throw ledgerFault('mark_missing', highWater)
  const mark: Mark = {
    origin: `${options.origin}/1`,
    size: 0,
    root: hex(emptyRoot(crypto)),
    leaf: EMPTY_LEAF,
  }
  try {
    await makeFolder(dirname(highWater), 0o700)
    await writeMark(highWater, await encodeMark(crypto, mark, checkpointKey))
  } catch (error) {
    throw ledgerFault('mark_write_failed', (error as Error).message)
  }
  return mark
}

/** The stored head, or that of an empty log of the first epoch. Throws `ledger_foreign` where it is another sidecar's. */
async function headOf(store: Store, options: OpenLedgerOptions): Promise<StoredHead> {
  const head = (await store.head()) ?? {
    chain: `${options.origin}/1`,
    size: 0,
    leaf: EMPTY_LEAF,
    root: hex(emptyRoot(options.crypto)),
    t: 0,
    open: [],
  }
  if (!head.chain.startsWith(`${options.origin}/`))
    throw ledgerFault('ledger_foreign', `the ledger is of ${head.chain}`)
  return head
}

/** The first entry of an epoch. */
export function genesisOf(
  options: Pick<OpenLedgerOptions, 'origin' | 'signer' | 'checkpointKey' | 'enrolment'>,
): ControlBody {
  return {
    type: 'genesis',
    data: {
      origin: options.origin,
      receipt: formatPublicKey(options.signer.publicKey),
      checkpoint: formatPublicKey(options.checkpointKey.publicKey),
      enrolment: options.enrolment,
    },
  }
}

/** Cites the head that this start found, so that a fork on restart contradicts itself. */
export function bootOf(head: LedgerHead, options: Pick<OpenLedgerOptions, 'software' | 'side'>): ControlBody {
  const { software, side } = options
  return {
    type: 'boot',
    data: { size: head.size, root: head.root, software, side_key: side?.wrappedKey ?? null },
  }
}

/** At a start no request can be under way, so nobody else will ever close these. */
async function closeOpenAttempts(ledger: Ledger, clock: () => number): Promise<void> {
  const open = await ledger.openAttempts()
  await Promise.all(
    open.map(attempt =>
      ledger.append({
        type: 'outcome',
        attempt: attempt.seq,
        attempt_leaf: attempt.leaf,
        status: 'indeterminate',
        http: 0,
        ms: Math.max(0, clock() - attempt.t),
      }),
    ),
  )
}
