import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c.js'
import { KEY_SUFFIX_BYTES, liveTables } from './manifest.js'
import { databaseFiles } from './preserve.js'
import { readVarint } from './varint.js'

/*
 * LevelDB reads tables without looking at their checksums, unless it is asked to, and its binding can't ask. A flipped
 * bit then comes back as a value, or ends the process in an assertion. So the checksums are looked at here, before.
 *
 * A table (doc/table_format.md of LevelDB): data blocks, a metaindex, an index, and at its end the footer:
 *
 *     block   contents ‖ type (1 byte) ‖ masked CRC-32C of both (4 bytes, little-endian)
 *     index   an entry for each data block: a key from its last one on, and where it lies
 *     metaindex   where the filter lies, which says what keys are not in a table
 *     footer  where metaindex and index lie (two handles, padded to 40 bytes) ‖ magic (8 bytes)
 *     handle  offset ‖ size, each a varint
 */
const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const PLAIN = 0

interface Handle {
  readonly offset: number
  readonly size: number
}

/** A data block: what may lie in it are the keys after `after`, up to `upTo`. */
export interface KeySpan {
  /** Null for the first block of a table. */
  readonly after: Uint8Array | null
  readonly upTo: Uint8Array
}

export interface TableDamage {
  /** Name of the file, without its folder. */
  readonly name: string
  readonly problem: string
  /** What can't be relied on; null where that is the whole table. */
  readonly span: KeySpan | null
}

/** Index, filter and footer of a table of the usual size: read at once, into the same memory for each table. */
const TAIL = Buffer.alloc(24_576)

/**
 * Damage in the tables of the database in a folder, or in every table file there. Only data blocks that `wants` asks for
 * are read; the rest of a table always is. `onTable` is called after each. It reads in this turn of the event loop: a
 * start has nothing else to do, and looks at thousands of tables.
 */
export async function damagedTables(
  dir: string,
  wants: (span: KeySpan) => boolean = () => true,
  { which = 'of the database', onTable }: DamagedTablesOptions = {},
): Promise<TableDamage[]> {
  const found: TableDamage[] = []
  for (const { name, span } of await tablesIn(dir, which)) {
    // What is in no block that is wanted is not looked for in the index either.
    const among = span === null || wants(span) ? wants : null
    found.push(...damageOf(dir, name, among))
    await onTable?.()
  }
  return found
}

interface DamagedTablesOptions {
  readonly which?: 'of the database' | 'all'
  readonly onTable?: () => Promise<void>
}

/** The table files of a folder, each with the keys that are in it where that is known. */
async function tablesIn(
  dir: string,
  which: 'of the database' | 'all',
): Promise<readonly { readonly name: string; readonly span: KeySpan | null }[]> {
  const names = (await databaseFiles(dir)).filter(each => each.endsWith('.ldb'))
  const live = which === 'all' ? null : await liveTables(dir)
  if (live === null) return names.map(name => ({ name, span: null }))
  const spans = new Map(
    live.map(({ number, smallest, largest }) => [number, { after: smallest, upTo: largest }]),
  )
  return names.flatMap(name => {
    const span = spans.get(Number.parseInt(name, 10))
    return span === undefined ? [] : [{ name, span }]
  })
}

function damageOf(dir: string, name: string, wants: ((span: KeySpan) => boolean) | null): TableDamage[] {
  const damage: TableDamage[] = []
  try {
    const file = openSync(join(dir, name), 'r')
    try {
      for (const each of damageIn(new TableBytes(file), wants)) damage.push({ name, ...each })
    } finally {
      closeSync(file)
    }
  } catch (error) {
    damage.push({ name, problem: (error as Error).message, span: null })
  }
  return damage
}

function* damageIn(
  table: TableBytes,
  wants: ((span: KeySpan) => boolean) | null,
): Generator<Omit<TableDamage, 'name'>> {
  if (table.size < FOOTER_BYTES) throw new Error('it is cut')
  const footer = table.read({ offset: table.size - FOOTER_BYTES, size: FOOTER_BYTES })
  if (!footer.subarray(40).equals(MAGIC)) throw new Error('it does not end as a table does')
  const place = { at: 0 }
  const metaindex = wholeBlock(table, readHandle(footer, place))
  const index = wholeBlock(table, readHandle(footer, place))
  // Only what LevelDB's own repair has made is compressed, and that is in copies.
  if (index.type !== PLAIN || metaindex.type !== PLAIN) return
  // A damaged filter would hide keys that are there.
  for (const { value } of entriesOf(metaindex.contents)) wholeBlock(table, readHandle(value, { at: 0 }))
  if (wants === null) return
  let after: Uint8Array | null = null
  for (const { key, value } of entriesOf(index.contents)) {
    const span: KeySpan = { after, upTo: key.subarray(0, key.length - KEY_SUFFIX_BYTES) }
    after = span.upTo
    if (!wants(span)) continue
    const handle = readHandle(value, { at: 0 })
    try {
      wholeBlock(table, handle)
    } catch (error) {
      yield { problem: (error as Error).message, span }
    }
  }
}

function wholeBlock(table: TableBytes, { offset, size }: Handle): { contents: Buffer; type: number } {
  const bytes = table.read({ offset, size: size + TRAILER_BYTES })
  const guarded = bytes.subarray(0, size + 1)
  if (maskedCrc32c(guarded) !== bytes.readUInt32LE(size + 1))
    throw new Error(`the block at byte ${offset} is not as it was written`)
  return { contents: guarded.subarray(0, size), type: guarded[size] as number }
}

/** The bytes of one table at a time; those at its end, where all begins, are read once. */
class TableBytes {
  readonly size: number
  private readonly file: number
  private readonly tail: Buffer

  constructor(file: number) {
    this.file = file
    this.size = fstatSync(file).size
    this.tail = TAIL.subarray(0, Math.min(this.size, TAIL.length))
    this.readInto(this.tail, this.size - this.tail.length)
  }

  read({ offset, size }: Handle): Buffer {
    if (offset + size > this.size) throw new Error('it names a place behind its end')
    const start = offset - (this.size - this.tail.length)
    return start < 0
      ? this.readInto(Buffer.allocUnsafe(size), offset)
      : this.tail.subarray(start, start + size)
  }

  private readInto(bytes: Buffer, offset: number): Buffer {
    if (readSync(this.file, bytes, 0, bytes.length, offset) < bytes.length) throw new Error('it is cut')
    return bytes
  }
}

/** Entries of a block: shared ‖ unshared ‖ value length (varints) ‖ rest of the key ‖ value; then the restart points. */
function* entriesOf(block: Buffer): Generator<{ key: Buffer; value: Buffer }> {
  const restarts = block.length < 4 ? -1 : block.readUInt32LE(block.length - 4)
  const end = block.length - 4 * (1 + restarts)
  if (restarts < 0 || end < 0) throw new Error('its index is malformed')
  const place = { at: 0 }
  let key = Buffer.alloc(0)
  while (place.at < end) {
    const [shared, unshared, length] = [
      readVarint(block, place),
      readVarint(block, place),
      readVarint(block, place),
    ]
    const start = place.at
    key = Buffer.concat([key.subarray(0, shared), block.subarray(start, start + unshared)])
    place.at = start + unshared + length
    if (place.at > end || key.length < KEY_SUFFIX_BYTES) throw new Error('its index is malformed')
    yield { key, value: block.subarray(start + unshared, place.at) }
  }
}

function readHandle(bytes: Buffer, place: { at: number }): Handle {
  return { offset: readVarint(bytes, place), size: readVarint(bytes, place) }
}
