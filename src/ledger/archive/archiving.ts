import { realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { CountersignError, type Crypto, hex, utf8 } from '../../canon/index.js'
import { makeFolder } from '../../native/index.js'
import { type ControlBody, parseCheckpoint, rootAt, type SignedCheckpoint } from '../../receipt/index.js'
import { ledgerFault } from '../error-table.js'
import { Pace } from '../full-check/pace.js'
import type { Companion, LedgerHead } from '../ledger.js'
import { TAIL_ENTRIES } from '../sound.js'
import type { Store } from '../store.js'
import { TILE_LEAVES } from '../tile.js'
import { exportTiles } from '../tiles/export-tiles.js'
import { ArchiveFolder } from './archive-folder.js'
import type { Archived } from './archived.js'

/** Of one processor's time. */
const SHARE = 0.25
/** Entries in the folder before its checkpoint is replaced: what is done again after a stop. */
const PORTION = 256 * TILE_LEAVES
/** Entries deleted at a time. */
const DROPPED_AT_ONCE = 16_384
/** What a start reads again stays in the database. */
const KEPT = TAIL_ENTRIES + TILE_LEAVES

/** Bit of a mode: whoever is neither owner nor in the group may write. */
const OTHERS_WRITE = 0o002

export interface ArchiveRequest {
  /** The entries before this one are deleted here; see `bound`. */
  readonly size: number
  /** Absolute path; made where it isn't there, gone on with where it is. */
  readonly folder: string
  /** The entry that says so, and what has to be durable with it. */
  readonly receipt: (root: string) => { readonly body: ControlBody; readonly state: Companion['state'] }
}

/** How far the ledger could be archived now, and what stands in the way of more. */
export interface ArchiveBound {
  readonly size: number
  readonly by: 'tail' | 'open attempt'
}

export interface ArchivingStatus {
  /** `reading`: what was written is read back before anything is deleted. */
  readonly state: 'writing' | 'reading' | 'deleting' | 'done' | 'failed'
  readonly folder: string
  /** Entries that are to be written, read or deleted. */
  readonly size: number
  readonly entries: number
  readonly problem: string | null
}

export interface ArchivingParts {
  readonly store: Store
  /** Folder of the ledger. */
  readonly dir: string
  readonly crypto: Crypto
  readonly chain: string
  readonly head: () => LedgerHead
  /** Sequence numbers of the open attempts. */
  readonly open: () => readonly number[]
  /** A signed note over all entries. */
  readonly checkpoint: () => Promise<string>
  /** The same over the first `size`. */
  readonly checkpointAt: (size: number, root: string) => Promise<string>
  readonly append: (body: ControlBody, companion: Companion) => Promise<unknown>
}

/**
 * Moves the oldest entries into a folder, beside the keeper's work: writes them, reads them back, says so in the log, and
 * only then deletes them here. The tree hashes stay, so that every proof can still be made. INVARIANT: no entry is deleted that
 * was not read from the folder and had the hash that the ledger has kept, under a root that the log's own keys vouch for.
 */
export class Archiving {
  private readonly parts: ArchivingParts
  private current: ArchivingStatus | null = null
  private work: Promise<unknown> = Promise.resolve()
  private stopped = false

  constructor(parts: ArchivingParts) {
    this.parts = parts
  }

  status(): ArchivingStatus | null {
    return this.current
  }

  bound(): ArchiveBound {
    const oldestOpen = Math.min(...this.parts.open())
    const tail = wholeTiles(Math.max(0, this.parts.head().size - KEPT))
    return oldestOpen < tail
      ? { size: wholeTiles(oldestOpen), by: 'open attempt' }
      : { size: tail, by: 'tail' }
  }

  /** Resolves when nothing of it is left here; throws or rejects with `archive_busy`, `archive_unfit`, `archive_differs`, `archive_unreadable` or `archive_failed`. */
  begin(request: ArchiveRequest): Promise<Archived> {
    if (this.isBusy()) throw ledgerFault('archive_busy')
    this.checkRequest(request)
    this.show('writing', request.folder, request.size, 0)
    const work = this.archive(request).catch((error: Error) => {
      const fault = asFault(error)
      this.current = { ...(this.current as ArchivingStatus), state: 'failed', problem: wordsOf(fault) }
      throw fault
    })
    this.work = work.catch(() => undefined)
    return work
  }

  /** Deletes what a start finds archived and still here, because the keeper ended in between. */
  resume(): void {
    const { archived } = this.parts.store
    if (archived !== null) this.work = this.goOnDropping(archived)
  }

  /** What was not done is done again, or gone on with, after the next start. */
  async stop(): Promise<void> {
    this.stopped = true
    await this.work
  }

  private isBusy(): boolean {
    const state = this.current?.state
    return state === 'writing' || state === 'reading' || state === 'deleting'
  }

  private checkRequest({ size, folder }: ArchiveRequest): void {
    const { store } = this.parts
    const bound = this.bound()
    if (folder !== resolve(folder)) throw ledgerFault('archive_unfit', `${folder} is not an absolute path`)
    if (!(size > (store.archived?.size ?? 0)))
      throw ledgerFault('archive_unfit', `${store.archived?.size ?? 0} entries are archived already`)
    if (size % TILE_LEAVES !== 0)
      throw ledgerFault('archive_unfit', `${size} is no multiple of ${TILE_LEAVES}`)
    if (size > bound.size)
      throw ledgerFault('archive_unfit', `${bound.size} entries can be archived now (${bound.by})`)
  }

  private async archive(request: ArchiveRequest): Promise<Archived> {
    const { store, crypto, append } = this.parts
    const { size, folder } = request
    const root = hex(await rootAt(crypto, size, store.node))
    const archived: Archived = { size, root, folder }
    await this.write(archived)
    await this.readBack(archived)
    const { body, state } = request.receipt(root)
    await append(body, { archived, ...(state === undefined ? {} : { state }) })
    store.readsArchive(archived)
    await this.drop(archived)
    return archived
  }

  /**
   * Not only what is to be moved but the whole log: the folder then proves itself, up to a checkpoint by the key that is
   * in force now, and says everything about the keys before it.
   */
  private async write({ folder }: Archived): Promise<void> {
    const { store, crypto, checkpoint, checkpointAt } = this.parts
    await this.checkFolder(folder)
    const whole = await checkpoint()
    const { size } = parseCheckpoint(utf8(whole))
    this.show('writing', folder, size, 0)
    for (let at = (await this.shownOfThis(folder))?.size ?? 0; at < size; ) {
      const to = Math.min(size, wholeTiles(at + PORTION))
      const note = to === size ? whole : await checkpointAt(to, hex(await rootAt(crypto, to, store.node)))
      await exportTiles({ folder, note, crypto, entries: from => this.portion(folder, from, to, size) })
      at = to
    }
  }

  /** ATTACK: a folder that was the archive, and has lost its checkpoint or shows an older one, is written over as if it were new. */
  private async checkFolder(folder: string): Promise<void> {
    const { store, crypto, chain } = this.parts
    await makeFolder(folder, 0o700)
    await this.checkPlace(folder)
    const { archived } = store
    const isSame =
      archived !== null && (await realpath(archived.folder).catch(() => '')) === (await realpath(folder))
    if (isSame) await new ArchiveFolder(folder, crypto).mustShow(chain, archived.size)
  }

  /**
   * ATTACK: what is deleted here is left in a folder that goes by itself. A start clears folders of the ledger's own, a recovery moves
   * them, and where anybody may write anybody may delete.
   */
  private async checkPlace(folder: string): Promise<void> {
    const [place, own] = await Promise.all([realpath(folder), realpath(this.parts.dir)])
    if (`${place}${sep}`.startsWith(`${own}${sep}`))
      throw ledgerFault('archive_unfit', `${folder} lies in the ledger’s own folder`)
    const { mode } = await stat(folder)
    if ((mode & OTHERS_WRITE) !== 0) throw ledgerFault('archive_unfit', `anybody may write in ${folder}`)
  }

  private async *portion(folder: string, from: number, to: number, size: number): AsyncGenerator<Uint8Array> {
    const pace = new Pace(SHARE)
    for await (const batch of this.parts.store.entryBatches(from, to)) {
      this.goOn('writing', folder, size, batch[0]?.[0] ?? from)
      for (const [, bytes] of batch) yield bytes
      await pace.rest()
    }
  }

  /** The folder's checkpoint, where it has one. Throws `archive_differs` unless it is of this very log. */
  private async shownOfThis(folder: string): Promise<SignedCheckpoint | null> {
    const { store, crypto, chain, head } = this.parts
    const shown = await new ArchiveFolder(folder, crypto).shown()
    if (shown === null) return null
    if (shown.origin !== chain) throw ledgerFault('archive_differs', `${folder} is of ${shown.origin}`)
    // What is not here any more can't be compared: an archive is never ahead of its ledger.
    if (shown.size > head().size || hex(await rootAt(crypto, shown.size, store.node)) !== shown.root)
      throw ledgerFault('archive_differs', `${folder} shows another history`)
    return shown
  }

  /** From the first entry on: a folder that was given before may have lost something since. */
  private async readBack({ size, folder }: Archived): Promise<void> {
    const { store, crypto, chain } = this.parts
    const reader = new ArchiveFolder(folder, crypto)
    await reader.mustShow(chain, size)
    await this.shownOfThis(folder)
    const pace = new Pace(SHARE)
    for (let tile = 0; tile < size / TILE_LEAVES; tile++) {
      this.goOn('reading', folder, size, tile * TILE_LEAVES)
      await reader.bundle(tile, store.leavesOfTile)
      await pace.rest()
    }
  }

  /** What the folder may have lost since is still here: it is read back anew before anything more is deleted. */
  private async goOnDropping(archived: Archived): Promise<void> {
    const { size, folder } = archived
    try {
      if (await this.parts.store.holdsArchived()) await this.readBack(archived)
      await this.drop(archived)
    } catch (error) {
      const problem = wordsOf(asFault(error as Error))
      this.current = { state: 'failed', folder, size, entries: 0, problem }
    }
  }

  private async drop({ size, folder }: Archived): Promise<void> {
    const { store } = this.parts
    const pace = new Pace(SHARE)
    for (;;) {
      const dropped = await store.dropArchived(DROPPED_AT_ONCE)
      if (dropped === null) break
      this.goOn('deleting', folder, size, dropped)
      await pace.rest()
    }
    this.show('done', folder, size, size)
  }

  private goOn(state: ArchivingStatus['state'], folder: string, size: number, entries: number): void {
    if (this.stopped) throw ledgerFault('ledger_closed')
    this.show(state, folder, size, entries)
  }

  private show(state: ArchivingStatus['state'], folder: string, size: number, entries: number): void {
    this.current = { state, folder, size, entries, problem: null }
  }
}

/** What went wrong, and what mends it. */
function wordsOf({ message, mend }: CountersignError): string {
  return `${message} ${mend}`
}

function asFault(error: Error): CountersignError {
  return error instanceof CountersignError ? error : ledgerFault('archive_failed', error.message)
}

function wholeTiles(size: number): number {
  return size - (size % TILE_LEAVES)
}
