import { canonicalBytes, type JsonObject, parseCanonical } from '../../canon/index.js'
import { ledgerFault } from '../error-table.js'
import { TILE_LEAVES } from '../tile.js'

/** What of a ledger lies in an archive and not in its database any more; the tree hashes of it stay in both. */
export interface Archived {
  /** The entries before this one; whole tiles. */
  readonly size: number
  /** Root of the tree over them, hex. */
  readonly root: string
  /** Absolute path of the folder, as the keeper saw it. */
  readonly folder: string
}

export function encodeArchived(archived: Archived): Uint8Array {
  return canonicalBytes({ ...archived })
}

/** Throws `ledger_damaged`. */
export function decodeArchived(bytes: Uint8Array): Archived {
  try {
    const { folder, root, size, ...rest } = parseCanonical(bytes) as JsonObject
    const sound =
      typeof folder === 'string' &&
      typeof root === 'string' &&
      /^[0-9a-f]{64}$/.test(root) &&
      typeof size === 'number' &&
      size > 0 &&
      size % TILE_LEAVES === 0
    if (sound && Object.keys(rest).length === 0) return { folder, root, size }
  } catch {
    // named below
  }
  throw ledgerFault('ledger_damaged', 'record of what is archived')
}
