import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c.js'
import { databaseFiles } from './preserve.js'

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
/** Behind each key in a table: sequence number and type. */
const KEY_SUFFIX_BYTES = 8
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

/** Damage in the tables of a folder. Only data blocks that `wants` asks for are read; the rest of a table always is. */
export async function damagedTables(
  dir: string,
  wants: (span: KeySpan) => boolean = () => true,
): Promise<TableDamage[]> {
  const found: TableDamage[] = []
  for (const name of (await databaseFiles(dir)).filter(each => each.endsWith('.ldb'))) {
    const file = await open(join(dir, name), 'r')
    try {
      for await (const damage of damageIn(file, wants)) found.push({ name, ...damage })
    } catch (error) {
      found.push({ name, problem: (error as Error).message, span: null })
    } finally {
      await file.close()
    }
  }
  return found
}

async function* damageIn(
  file: FileHandle,
  wants: (span: KeySpan) => boolean,
): AsyncGenerator<Omit<TableDamage, 'name'>> {
  const { size } = await file.stat()
  if (size < FOOTER_BYTES) throw new Error('it is cut')
  const footer = await read(file, { offset: size - FOOTER_BYTES, size: FOOTER_BYTES })
  if (!footer.subarray(40).equals(MAGIC)) throw new Error('it does not end as a table does')
  const place = { at: 0 }
  const metaindex = await wholeBlock(file, readHandle(footer, place))
  const index = await wholeBlock(file, readHandle(footer, place))
  // Only what LevelDB's own repair has made is compressed, and that is in copies.
  if (index.type !== PLAIN || metaindex.type !== PLAIN) return
  // A damaged filter would hide keys that are there.
  for (const { value } of entriesOf(metaindex.contents)) await wholeBlock(file, readHandle(value, { at: 0 }))
  let after: Uint8Array | null = null
  for (const { key, value } of entriesOf(index.contents)) {
    const span: KeySpan = { after, upTo: key.subarray(0, key.length - KEY_SUFFIX_BYTES) }
    after = span.upTo
    if (!wants(span)) continue
    const handle = readHandle(value, { at: 0 })
    try {
      await wholeBlock(file, handle)
    } catch (error) {
      yield { problem: (error as Error).message, span }
    }
  }
}

async function wholeBlock(
  file: FileHandle,
  { offset, size }: Handle,
): Promise<{ contents: Buffer; type: number }> {
  const bytes = await read(file, { offset, size: size + TRAILER_BYTES })
  const guarded = bytes.subarray(0, size + 1)
  if (maskedCrc32c(guarded) !== bytes.readUInt32LE(size + 1))
    throw new Error(`the block at byte ${offset} is not as it was written`)
  return { contents: guarded.subarray(0, size), type: guarded[size] as number }
}

async function read(file: FileHandle, { offset, size }: Handle): Promise<Buffer> {
  const { size: whole } = await file.stat()
  if (offset + size > whole) throw new Error('it names a place behind its end')
  const bytes = Buffer.allocUnsafe(size)
  const { bytesRead } = await file.read(bytes, 0, size, offset)
  if (bytesRead < size) throw new Error('it is cut')
  return bytes
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

/** Seven bits a byte, the lowest first; a safe integer has at most eight of them. */
function readVarint(bytes: Buffer, place: { at: number }): number {
  let value = 0
  for (let shift = 0; shift < 53; shift += 7) {
    const byte = bytes[place.at++]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
  }
  throw new Error('a number in it is malformed')
}
