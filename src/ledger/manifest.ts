import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c.js'
import { type Place, readVarint } from './varint.js'

/*
 * Which tables belong to a database, LevelDB says in the manifest that CURRENT names. A table that isn't in it was being
 * written when the process ended: it holds nothing that isn't elsewhere, and LevelDB deletes it when it opens.
 *
 * A manifest is a log (doc/log_format.md of LevelDB) of version edits (db/version_edit.cc):
 *
 *     block    32,768 bytes of records; less than a header at its end is filled with zeros
 *     record   masked CRC-32C of the rest (4 bytes, little-endian) ‖ length (2 bytes, little-endian) ‖ type (1 byte) ‖ data
 *     edit     the data of one whole record, or of a first, middle ones and a last: tags with their values
 */
const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const WHOLE = 1
const FIRST = 2
const LAST = 4
/** Behind each key in a table: sequence number and type. */
export const KEY_SUFFIX_BYTES = 8

/** Values of each tag: numbers, or bytes behind their length. */
const VALUES: Readonly<Record<number, readonly ('number' | 'bytes')[]>> = {
  1: ['bytes'],
  2: ['number'],
  3: ['number'],
  4: ['number'],
  5: ['number', 'bytes'],
  6: ['number', 'number'],
  7: ['number', 'number', 'number', 'bytes', 'bytes'],
  9: ['number'],
}
const DELETED = 6
const ADDED = 7

/** A table of a database, and between which keys it lies. */
export interface LiveTable {
  readonly number: number
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** The tables that belong to the database in a folder; null where its manifest can't be read, which LevelDB then says itself. */
export async function liveTables(dir: string): Promise<readonly LiveTable[] | null> {
  try {
    const name = (await readFile(join(dir, 'CURRENT'), 'utf8')).trim()
    if (!/^MANIFEST-[0-9]+$/.test(name)) return null
    return tablesIn(await readFile(join(dir, name)))
  } catch {
    return null
  }
}

/** The tables after all edits of a manifest. Throws where it isn't as it was written; what was cut off at its end, LevelDB ignores as well. */
export function tablesIn(manifest: Buffer): readonly LiveTable[] {
  const tables = new Map<number, LiveTable>()
  for (const edit of editsIn(manifest)) {
    const place: Place = { at: 0 }
    while (place.at < edit.length) {
      const tag = readVarint(edit, place)
      const values = VALUES[tag]?.map(kind => readValue(edit, place, kind))
      if (values === undefined) throw new Error('it has an edit that is unknown')
      const [, number, , smallest, largest] = values
      if (tag === DELETED) tables.delete(number as number)
      if (tag === ADDED)
        tables.set(number as number, {
          number: number as number,
          smallest: userKey(smallest as Buffer),
          largest: userKey(largest as Buffer),
        })
    }
  }
  return [...tables.values()]
}

function* editsIn(manifest: Buffer): Generator<Buffer> {
  let parts: Buffer[] = []
  let at = 0
  while (at + HEADER_BYTES <= manifest.length) {
    const room = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (room < HEADER_BYTES) {
      at += room
      continue
    }
    const end = at + HEADER_BYTES + manifest.readUInt16LE(at + 4)
    if (end > manifest.length) return
    const type = manifest[at + 6] as number
    if (maskedCrc32c(manifest.subarray(at + 6, end)) !== manifest.readUInt32LE(at))
      throw new Error('it is not as it was written')
    if (type === WHOLE || type === FIRST) parts = []
    parts.push(manifest.subarray(at + HEADER_BYTES, end))
    if (type === WHOLE || type === LAST) yield Buffer.concat(parts)
    at = end
  }
}

function readValue(edit: Buffer, place: Place, kind: 'number' | 'bytes'): number | Buffer {
  const number = readVarint(edit, place)
  if (kind === 'number') return number
  place.at += number
  if (place.at > edit.length) throw new Error('it is cut')
  return edit.subarray(place.at - number, place.at)
}

function userKey(key: Buffer): Uint8Array {
  if (key.length < KEY_SUFFIX_BYTES) throw new Error('a key in it is malformed')
  return key.subarray(0, key.length - KEY_SUFFIX_BYTES)
}
