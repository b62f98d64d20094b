import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { canonicalBytes, type JsonObject, parseCanonical } from '../../canon/index.js'
import { makeFolder } from '../make-folder.js'
import { replaceFile } from '../replace-file.js'
import { EMPTY_LEAF } from '../sound.js'

/**
 * How far one sink has what the ledger holds. One line of JCS in a file of its own:
 *
 *     {"chain":"…","leaf":"<64 hex digits>","sending":4199,"size":4096}
 *
 * `sending` is the last entry of the batch that was under way: after a crash the very same batch is sent again, under
 * the very same name. −1 where none was.
 */
export interface Cursor {
  readonly chain: string
  /** Entries that the sink acknowledged: all before this one. */
  readonly size: number
  /** Leaf of entry `size − 1`, hex; zeros for none. */
  readonly leaf: string
  readonly sending: number
}

export function startOf(chain: string): Cursor {
  return { chain, size: 0, leaf: EMPTY_LEAF, sending: -1 }
}

/** The cursor in a file; undefined where there is none, `'damaged'` where the file is something else. */
export async function readCursor(file: string): Promise<Cursor | undefined | 'damaged'> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? undefined : null,
  )
  if (bytes === undefined) return undefined
  try {
    const { chain, leaf, sending, size, ...rest } = parseCanonical(bytes as Uint8Array) as JsonObject
    const sound =
      Object.keys(rest).length === 0 &&
      typeof chain === 'string' &&
      typeof leaf === 'string' &&
      /^[0-9a-f]{64}$/.test(leaf) &&
      typeof size === 'number' &&
      size >= 0 &&
      typeof sending === 'number' &&
      (sending === -1 || sending >= size)
    if (sound) return { chain, size, leaf, sending }
  } catch {
    // named below
  }
  return 'damaged'
}

export async function writeCursor(file: string, cursor: Cursor): Promise<void> {
  await makeFolder(dirname(file), 0o700)
  await replaceFile(file, canonicalBytes({ ...cursor }))
}
