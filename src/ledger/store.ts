import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { canonicalBytes, fromUtf8, hex, type JsonObject, parseCanonical } from '../canon/index.js'
import { frontier, type NodeReader } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import { behind, HEAD_KEY, readUint64, seqKey, seqOfKey, textKey, textOfKey, writeUint64 } from './keys.js'
import type { LedgerHead } from './ledger.js'

type Bytes = Uint8Array
type Database = Level<Bytes, Bytes>

/** One change of a batch; without a value the key is deleted. */
export interface Change {
  readonly key: Bytes
  readonly value?: Bytes
}

export interface StoredHead extends LedgerHead {
  readonly chain: string
}

/** An open attempt as the store remembers it. */
export interface OpenMark {
  readonly leaf: string
  readonly t: number
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

  private constructor(db: Database) {
    this.db = db
  }

  /** Opens or creates the database and takes its lock; throws `ledger_locked` or `ledger_unreadable`. */
  static async open(dir: string): Promise<Store> {
    await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: Error) => {
      throw ledgerFault('ledger_unreadable', error.message)
    })
    const db: Database = new Level(dir, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      writeBufferSize: 64 * 1024 * 1024,
    })
    try {
      await db.open()
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause
      throw cause?.code === 'LEVEL_LOCKED'
        ? ledgerFault('ledger_locked', dir)
        : ledgerFault('ledger_unreadable', cause?.message ?? String(error))
    }
    return new Store(db)
  }

  /** All changes or none, on disk when it resolves. */
  async write(changes: readonly Change[]): Promise<void> {
    const operations = changes.map(({ key, value }) =>
      value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
    )
    await this.db.batch(operations, { sync: true })
  }

  /** The head record; undefined in an empty database. Throws `ledger_damaged` where it can't be read. */
  async head(): Promise<StoredHead | undefined> {
    const bytes = await this.get(HEAD_KEY)
    return bytes === undefined ? undefined : decodeHead(bytes)
  }

  async entry(seq: number): Promise<Bytes | undefined> {
    return this.get(seqKey('e', seq))
  }

  /** Envelope bytes with the sequence number of their key, from `from` to before `to`. */
  async *entries(from: number, to: number): AsyncGenerator<readonly [seq: number, bytes: Bytes]> {
    for await (const [key, value] of this.scan(seqKey('e', from), seqKey('e', to)))
      yield [seqOfKey(key), value]
  }

  /** Reads hashes of complete subtrees; throws `ledger_damaged` where one is missing. */
  readonly node: NodeReader = async ({ level, index }) => {
    const seq = (index + 1) * 2 ** level - 1
    const hashes = await this.get(seqKey('n', seq))
    const hash = hashes?.subarray(32 * level, 32 * (level + 1))
    if (hash?.length !== 32) throw ledgerFault('ledger_damaged', `tree node ${level}/${index} is missing`)
    return hash
  }

  async frontier(size: number): Promise<Bytes[]> {
    return Promise.all(frontier(size).map(this.node))
  }

  async openMarks(): Promise<Map<number, OpenMark>> {
    const marks = new Map<number, OpenMark>()
    const prefix = seqKey('o', 0).subarray(0, 1)
    for await (const [key, value] of this.scan(prefix, behind(prefix))) {
      if (key.length !== 9 || value.length !== 40)
        throw ledgerFault('ledger_damaged', 'record of an open attempt')
      marks.set(seqOfKey(key), { leaf: hex(value.subarray(0, 32)), t: readUint64(value, 32) })
    }
    return marks
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

  /** Deletes a side record and rewrites the files that held it, so that nothing of it stays on disk. */
  async eraseSide(id: string): Promise<void> {
    const key = textKey('i', id)
    await this.write([{ key }])
    const compacting = this.db as Database & {
      compactRange(start: Bytes, end: Bytes, options: { keyEncoding: 'view' }): Promise<void>
    }
    await compacting.compactRange(key, behind(key), { keyEncoding: 'view' })
  }

  async close(): Promise<void> {
    await this.db.close()
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
    const iterator = this.db.iterator({ gte, lt, highWaterMarkBytes: 1024 * 1024 })
    try {
      for (;;) {
        const found = await iterator.nextv(256)
        if (found.length === 0) return
        yield* found
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

export function openMarkBytes(leaf: Bytes, t: number): Bytes {
  const value = new Uint8Array(40)
  value.set(leaf)
  writeUint64(value, 32, t)
  return value
}

function decodeHead(bytes: Bytes): StoredHead {
  try {
    const { chain, leaf, root, size, t, ...rest } = parseCanonical(bytes) as JsonObject
    const sound =
      typeof chain === 'string' &&
      isHash(leaf) &&
      isHash(root) &&
      typeof size === 'number' &&
      typeof t === 'number' &&
      size > 0 &&
      t >= 0
    if (sound && Object.keys(rest).length === 0) return { chain, leaf, root, size, t }
  } catch {
    // named below
  }
  throw ledgerFault('ledger_damaged', 'head record')
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function unreadable(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  return ledgerFault('ledger_damaged', `LevelDB: ${message}`)
}
