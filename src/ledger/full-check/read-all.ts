import { type Crypto, hex, type JsonObject } from '../../canon/index.js'
import { type Checkpoint, GrowingTree, leafHash } from '../../receipt/index.js'
import { EMPTY_LEAF } from '../sound.js'
import { Store, type StoredHead } from '../store.js'
import { damagedTables } from '../table-file.js'
import { OpenTile, TILE_LEAVES } from '../tile.js'
import type { Pace } from './pace.js'
import type { CheckFinding } from './result.js'

/** A head that the checkpoint key has signed, and that a start found to be one of this ledger. */
export type Expected = Pick<Checkpoint, 'origin' | 'size' | 'root'>

export interface ReadingProgress {
  /** Tables whose checksums were compared. */
  readonly tables: number
  readonly entries: number
}

type Hash = Pick<Crypto, 'sha256'>

/** Every so many entries the database is opened anew: the tables behind are not mapped into memory any more then. */
const ENTRIES_AN_OPENING = 65_536

/**
 * Reads a database from end to end, in constant memory: checksums of every block first, so that LevelDB is not ended by
 * damage, then every entry, whose hashes must give each stored tile, the
 * marked root and that of the head. Null where
 * all of it holds. The folder is changed: for copies and links only.
 */
export async function readAll(
  dir: string,
  expected: Expected,
  crypto: Hash,
  pace: Pace,
  onProgress: (progress: ReadingProgress) => void,
): Promise<CheckFinding | null> {
  let tables = 0
  const [damage] = await damagedTables(dir, () => true, {
    onTable: async () => {
      onProgress({ tables: ++tables, entries: 0 })
      await pace.rest()
    },
  })
  if (damage !== undefined) return damaged(`${damage.name}: ${damage.problem}`)
  const reading = new Reading(expected, crypto)
  try {
    while (!reading.ended) {
      const store = await Store.open(dir, crypto)
      try {
        await readSome(store, reading, async () => {
          onProgress({ tables, entries: reading.size })
          await pace.rest()
        })
        if (reading.ended) reading.finish(await store.head())
      } finally {
        await store.close()
      }
    }
  } catch (error) {
    return (error as { finding?: CheckFinding }).finding ?? damaged((error as Error).message)
  }
  return null
}

async function readSome(store: Store, reading: Reading, rest: () => Promise<void>): Promise<void> {
  if (reading.size === 0) await takeArchived(store, reading, rest)
  const start = reading.size
  for await (const batch of store.entryBatches(start)) {
    for (const [seq, bytes] of batch) {
      const tile = reading.take(seq, bytes)
      if (tile !== undefined) await compareTile(store, reading, tile)
    }
    await rest()
    if (reading.size - start >= ENTRIES_AN_OPENING) return
  }
  reading.ended = true
}

/** Of entries that were moved to an archive the hashes are here: what they were, the root says. */
async function takeArchived(store: Store, reading: Reading, rest: () => Promise<void>): Promise<void> {
  const size = store.archived?.size ?? 0
  for (let number = 0; number < size / TILE_LEAVES; number++) {
    for (const leaf of await store.leavesOfTile(number)) {
      const tile = reading.takeLeaf(leaf)
      if (tile !== undefined) await compareTile(store, reading, tile)
    }
    await rest()
  }
}

async function compareTile(store: Store, { size }: Reading, tile: Uint8Array): Promise<void> {
  const number = size / TILE_LEAVES - 1
  if (!Buffer.from(tile).equals((await store.tile(number)) ?? Buffer.of()))
    throw new Unsound(damaged(`tree hashes of entries ${number * TILE_LEAVES} to ${size - 1}`))
}

class Unsound extends Error {
  readonly finding: CheckFinding

  constructor(finding: CheckFinding) {
    super(finding.detail)
    this.finding = finding
  }
}

/** Where a reading is: all that it remembers of what it read. */
class Reading {
  ended = false
  private readonly mark: Expected
  private readonly crypto: Hash
  private readonly tree: GrowingTree
  private readonly tile = new OpenTile([])
  private readonly open = new Set<number>()
  private prev = EMPTY_LEAF

  constructor(mark: Expected, crypto: Hash) {
    this.mark = mark
    this.crypto = crypto
    this.tree = new GrowingTree(crypto)
  }

  get size(): number {
    return this.tree.size
  }

  /** The record of the tile that this entry fills. */
  take(seq: number, bytes: Uint8Array): Uint8Array | undefined {
    if (seq !== this.size) throw entryFault(this.size, 'is missing')
    const { chain, seq: said, prev, type, decision, attempt } = payloadOf(seq, bytes)
    if (chain !== this.mark.origin || said !== seq || prev !== this.prev)
      throw entryFault(seq, 'does not follow')
    if (type === 'attempt' && (decision as JsonObject).effect === 'allow') this.open.add(seq)
    if (type === 'outcome') this.open.delete(attempt as number)
    return this.takeLeaf(leafHash(this.crypto, bytes))
  }

  takeLeaf(leaf: Uint8Array): Uint8Array | undefined {
    this.prev = hex(leaf)
    const record = this.tile.add(this.tree.append(leaf))
    if (this.size === this.mark.size && this.tree.rootHex() !== this.mark.root)
      throw new Unsound({ code: 'ledger_differs', detail: `at size ${this.size}` })
    return record
  }

  finish(head: StoredHead | undefined): void {
    if (this.size < this.mark.size)
      throw new Unsound({
        code: 'ledger_behind_mark',
        detail: `${this.size} entries, the mark covers ${this.mark.size}`,
      })
    if (head?.size !== this.size || head.root !== this.tree.rootHex())
      throw new Unsound(damaged(`the head is not that of ${this.size} entries`))
    if ([...this.open].join() !== head.open.join())
      throw new Unsound(damaged('the open attempts are not those of the entries'))
  }
}

/** Its hash says whether the entry is the signed one; what it says is only needed to see what is open. */
function payloadOf(seq: number, bytes: Uint8Array): JsonObject {
  try {
    const envelope = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
    return JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')) as JsonObject
  } catch {
    throw entryFault(seq, 'is not an entry')
  }
}

function entryFault(seq: number, what: string): Unsound {
  return new Unsound(damaged(`entry ${seq}: ${what}`))
}

function damaged(detail: string): CheckFinding {
  return { code: 'ledger_damaged', detail }
}
