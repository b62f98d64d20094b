import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { type Crypto, canonicalBytes, fromUtf8, type JsonObject, parseCanonical } from '../canon/index.js'
import { frontier, leafHash, type NodeReader } from '../receipt/index.js'
import { ArchiveFolder } from './archive/archive-folder.js'
import { type Archived, decodeArchived } from './archive/archived.js'
import { ledgerFault } from './error-table.js'
import { ARCHIVED_KEY, behind, HEAD_KEY, seqKey, seqOfKey, textKey, textOfKey } from './keys.js'
import type { LedgerHead } from './ledger.js'
import { makeFolder } from './make-folder.js'
import { leavesOf, subtreeHash, TILE_LEAVES, TILE_LEVEL, tileOfNode, upperHash } from './tile.js'

type Bytes = Uint8Array
type Database = Level<Bytes, Bytes>

/** `level` types what browsers have too; on Node it is classic-level, which can repair. */
const repairable = Level as unknown as { repair(location: string): Promise<void> }

/**
 * What a database of any size takes of memory: two write buffers, and tables that are mapped into it while they are in
 * use, of which LevelDB keeps at least 64. Larger tables and blocks mean fewer of them, and a start looks at each table.
 */
const MEASURE = {
  writeBufferSize: 4 * 1024 * 1024,
  maxFileSize: 4 * 1024 * 1024,
  blockSize: 16 * 1024,
  maxOpenFiles: 74,
}

/** One change of a batch; without a value the key is deleted. */
export interface Change {
  readonly key: Bytes
  readonly value?: Bytes
}

export interface StoredHead extends LedgerHead {
  readonly chain: string
  /** Sequence numbers of the attempts without an outcome. */
  readonly open: readonly number[]
}

/** True where the folder holds a LevelDB database. */
export async function storeExists(dir: string): Promise<boolean> {
  return access(join(dir, 'CURRENT')).then(
    () => true,
    () => false,
  )
}

/** The ledger's LevelDB: typed reads, and one atomic durable write. */
export class Store {
  private readonly db: Database
  private readonly crypto: Pick<Crypto, 'sha256'>
  private moved: { readonly archived: Archived; readonly folder: ArchiveFolder } | null = null

  private constructor(db: Database, crypto: Pick<Crypto, 'sha256'>) {
    this.db = db
    this.crypto = crypto
  }

  /**
   * Opens or creates the database and takes its lock; throws `ledger_locked`, `ledger_unreadable` or `ledger_damaged`. `archive`: where
   * archived entries are now, if not where they were moved to.
   */
  static async open(dir: string, crypto: Pick<Crypto, 'sha256'>, archive?: string): Promise<Store> {
    await makeFolder(dir, 0o700).catch((error: Error) => {
      throw ledgerFault('ledger_unreadable', error.message)
    })
    const db: Database = new Level(dir, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      ...MEASURE,
    })
    try {
      await db.open()
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause
      throw cause?.code === 'LEVEL_LOCKED'
        ? ledgerFault('ledger_locked', dir)
        : ledgerFault('ledger_unreadable', cause?.message ?? String(error))
    }
    const store = new Store(db, crypto)
    try {
      const bytes = await store.get(ARCHIVED_KEY)
      if (bytes !== undefined) store.readsArchive(decodeArchived(bytes), archive)
    } catch (error) {
      await db.close()
      throw error
    }
    return store
  }

  /**
   * Lets LevelDB make an openable database of what a folder still holds, in place: for copies only. Throws
   * `ledger_unreadable`.
   */
  static async repair(dir: string): Promise<void> {
    try {
      await repairable.repair(dir)
    } catch (error) {
      throw ledgerFault('ledger_unreadable', (error as Error).message)
    }
  }

  /**
   * All changes or none, on disk when it resolves. A batch that is filled call by call costs the event loop an eighth of
   * an array of operations, each of which `abstract-level` copies.
   */
  async write(changes: readonly Change[]): Promise<void> {
    const batch = this.db.batch()
    for (const { key, value } of changes) {
      if (value === undefined) batch.del(key)
      else batch.put(key, value)
    }
    await batch.write({ sync: true })
  }

  /** The head record; undefined in an empty database. Throws `ledger_damaged` where it can't be read. */
  async head(): Promise<StoredHead | undefined> {
    const bytes = await this.get(HEAD_KEY)
    return bytes === undefined ? undefined : decodeHead(bytes)
  }

  /** What lies in an archive and not here; null where nothing does. */
  get archived(): Archived | null {
    return this.moved?.archived ?? null
  }

  /** Throws `archive_unreadable` or `archive_differs` where what was archived is not to be had. */
  async needArchive(): Promise<void> {
    const chain = (await this.head())?.chain ?? ''
    await this.moved?.folder.mustShow(chain, this.moved.archived.size)
  }

  /** From now on what is archived is read there: `folder`, if it is not where it was moved to. */
  readsArchive(archived: Archived, folder: string = archived.folder): void {
    this.moved = { archived, folder: new ArchiveFolder(folder, this.crypto) }
  }

  /** Whether some of what was archived is still here. */
  async holdsArchived(): Promise<boolean> {
    const range = { gte: seqKey('e', 0), lt: seqKey('e', this.archived?.size ?? 0) }
    return (await this.db.keys({ ...range, limit: 1 }).all()).length > 0
  }

  /** Deletes the next `most` entries that were archived, from the disk as well; the sequence number behind them, or null where none was left. */
  async dropArchived(most: number): Promise<number | null> {
    const size = this.archived?.size ?? 0
    // An iterator that is open keeps LevelDB from giving the space back: this one is ended before.
    const [first] = await this.db.keys({ gte: seqKey('e', 0), lt: seqKey('e', size), limit: 1 }).all()
    if (first === undefined) return null
    const end = Math.min(size, seqOfKey(first) + most)
    const [gte, lt] = [seqKey('e', 0), seqKey('e', end)]
    await this.db.clear({ gte, lt })
    await this.compact(gte, lt)
    return end
  }

  async entry(seq: number): Promise<Bytes | undefined> {
    if (this.moved === null || seq >= this.moved.archived.size) return this.get(seqKey('e', seq))
    const tile = Math.floor(seq / TILE_LEAVES)
    return (await this.moved.folder.bundle(tile, this.leavesOfTile))[seq % TILE_LEAVES]
  }

  /** Envelope bytes with the sequence number of their key, from `from` to before `to`. */
  async *entries(from: number, to: number): AsyncGenerator<readonly [seq: number, bytes: Bytes]> {
    for await (const found of this.entryBatches(from, to)) yield* found
  }

  /** The same, to the last unless told, as many at a time as were read at once. */
  async *entryBatches(
    from = 0,
    to = Number.MAX_SAFE_INTEGER,
  ): AsyncGenerator<(readonly [seq: number, bytes: Bytes])[]> {
    let next = from
    // More may be archived while this is read.
    for (let own = this.archived?.size ?? 0; next < Math.min(to, own); own = this.archived?.size ?? 0) {
      yield* this.archivedBatches(next, Math.min(to, own))
      next = Math.min(to, own)
    }
    const range = [seqKey('e', next), seqKey('e', to)] as const
    for await (const found of this.scanned(...range))
      yield found.map(([key, value]) => [seqOfKey(key), value] as const)
  }

  /** Reads or derives the hash of a complete subtree; throws `ledger_damaged` where something is missing. */
  readonly node: NodeReader = async ({ level, index }) => {
    const hash = level < TILE_LEVEL ? await this.lowerNode(level, index) : await this.upperNode(level, index)
    if (hash === undefined) throw ledgerFault('ledger_damaged', `tree node ${level}/${index} is missing`)
    return hash
  }

  async frontier(size: number): Promise<Bytes[]> {
    return Promise.all(frontier(size).map(this.node))
  }

  /** Record of a full tile, see `OpenTile`. */
  async tile(number: number): Promise<Bytes | undefined> {
    return this.get(seqKey('n', number))
  }

  async state(key: string): Promise<string | undefined> {
    const value = await this.get(textKey('s', key))
    return value === undefined ? undefined : fromUtf8(value)
  }

  async states(prefix: string): Promise<(readonly [key: string, value: string])[]> {
    const start = textKey('s', prefix)
    const found: (readonly [string, string])[] = []
    for await (const [key, value] of this.scan(start, behind(start)))
      found.push([textOfKey(key), fromUtf8(value)])
    return found
  }

  async side(id: string): Promise<Bytes | undefined> {
    return this.get(textKey('i', id))
  }

  /**
   * Deletes a side record and rewrites the files that held it, so that nothing of it stays on disk. LevelDB drops the
   * old value only where the deletion stands in a younger file: hence the compaction before it as well.
   */
  async eraseSide(id: string): Promise<void> {
    const key = textKey('i', id)
    await this.rewrite(key)
    await this.write([{ key }])
    await this.rewrite(key)
  }

  async close(): Promise<void> {
    await this.db.close()
  }

  private rewrite(key: Bytes): Promise<void> {
    return this.compact(key, behind(key))
  }

  private async compact(start: Bytes, end: Bytes): Promise<void> {
    const compacting = this.db as Database & {
      compactRange(start: Bytes, end: Bytes, options: { keyEncoding: 'view' }): Promise<void>
    }
    await compacting.compactRange(start, end, { keyEncoding: 'view' })
  }

  private async *archivedBatches(
    from: number,
    to: number,
  ): AsyncGenerator<(readonly [seq: number, bytes: Bytes])[]> {
    const { folder } = this.moved as NonNullable<typeof this.moved>
    for (let at = from; at < to; at += TILE_LEAVES - (at % TILE_LEAVES)) {
      const first = at - (at % TILE_LEAVES)
      const entries = await folder.bundle(first / TILE_LEAVES, this.leavesOfTile)
      yield entries.slice(at - first, to - first).map((bytes, place) => [at + place, bytes] as const)
    }
  }

  /** Leaf hashes of a full tile; throws `ledger_damaged` where its record is missing. */
  readonly leavesOfTile = async (tile: number): Promise<readonly Bytes[]> => {
    const record = await this.tile(tile)
    const leaves = record === undefined ? undefined : leavesOf(record, 0, TILE_LEAVES)
    if (leaves === undefined) throw ledgerFault('ledger_damaged', `tree hashes of tile ${tile} are missing`)
    return leaves
  }

  private async upperNode(level: number, index: number): Promise<Bytes | undefined> {
    const record = await this.tile(tileOfNode(level, index))
    return record === undefined ? undefined : upperHash(record, level)
  }

  private async lowerNode(level: number, index: number): Promise<Bytes | undefined> {
    const [start, width] = [index * 2 ** level, 2 ** level]
    const record = await this.tile(Math.floor(start / TILE_LEAVES))
    const place = start % TILE_LEAVES
    const leaves =
      record === undefined ? await this.leaves(start, width) : leavesOf(record, place, place + width)
    return leaves?.length === width ? subtreeHash(this.crypto, leaves) : undefined
  }

  /** Behind the last full tile the leaves are hashed from the entries. */
  private async leaves(start: number, count: number): Promise<Bytes[]> {
    const leaves: Bytes[] = []
    for await (const [, bytes] of this.entries(start, start + count))
      leaves.push(leafHash(this.crypto, bytes))
    return leaves
  }

  /** LevelDB reports damage in a block as an error of the read: it is named here, once for all readers. */
  private async get(key: Bytes): Promise<Bytes | undefined> {
    try {
      return await this.db.get(key)
    } catch (error) {
      throw unreadable(error)
    }
  }

  private async *scan(gte: Bytes, lt: Bytes): AsyncGenerator<[Bytes, Bytes]> {
    for await (const found of this.scanned(gte, lt)) yield* found
  }

  private async *scanned(gte: Bytes, lt: Bytes): AsyncGenerator<[Bytes, Bytes][]> {
    const iterator = this.db.iterator({ gte, lt, highWaterMarkBytes: 1024 * 1024 })
    try {
      for (;;) {
        const found = await iterator.nextv(256)
        if (found.length === 0) return
        yield found
      }
    } catch (error) {
      throw unreadable(error)
    } finally {
      await iterator.close()
    }
  }
}

export function encodeHead(head: StoredHead): Bytes {
  return canonicalBytes(head)
}

function decodeHead(bytes: Bytes): StoredHead {
  try {
    const { chain, leaf, open, root, size, t, ...rest } = parseCanonical(bytes) as JsonObject
    const sound =
      typeof chain === 'string' &&
      isHash(leaf) &&
      isHash(root) &&
      isCount(size) &&
      isCount(t) &&
      Array.isArray(open) &&
      open.every(seq => isCount(seq) && seq < size)
    if (sound && Object.keys(rest).length === 0) return { chain, leaf, open: open as number[], root, size, t }
  } catch {
    // named below
  }
  throw ledgerFault('ledger_damaged', 'head record')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function unreadable(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  return ledgerFault('ledger_damaged', `LevelDB: ${message}`)
}
