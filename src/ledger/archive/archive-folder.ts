import { join } from 'node:path'
import type { Crypto } from '../../canon/index.js'
import { leafHash, parseCheckpoint, type SignedCheckpoint } from '../../receipt/index.js'
import { MAX_NOTE_BYTES, readBounded } from '../bounded-file.js'
import { ledgerFault } from '../error-table.js'
import { bundleEntries, MAX_BUNDLE_BYTES } from '../tiles/read-tile.js'
import { formatTilePath, TILE_WIDTH } from '../tiles/tile-path.js'

/** Leaf hashes of a full tile as the ledger has kept them. */
export type LeavesOfTile = (tile: number) => Promise<readonly Uint8Array[]>

/** A log as static files (https://c2sp.org/tlog-tiles) to which the first entries of a ledger were moved. */
export class ArchiveFolder {
  readonly path: string
  private readonly crypto: Pick<Crypto, 'sha256'>

  constructor(path: string, crypto: Pick<Crypto, 'sha256'>) {
    this.path = path
    this.crypto = crypto
  }

  /** What the folder says that it holds; null where it holds no log. Throws `archive_unreadable`. */
  async shown(): Promise<SignedCheckpoint | null> {
    const file = join(this.path, 'checkpoint')
    try {
      return parseCheckpoint(await readBounded(file, MAX_NOTE_BYTES))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      throw ledgerFault('archive_unreadable', `${file}: ${message}`)
    }
  }

  /** Throws `archive_unreadable` or `archive_differs` unless the folder shows at least so much of this log. */
  async mustShow(chain: string, size: number): Promise<void> {
    const shown = await this.shown()
    if (shown === null) throw ledgerFault('archive_unreadable', `${this.path} holds no log`)
    if (shown.origin !== chain)
      throw ledgerFault('archive_differs', `${this.path} is of ${shown.origin}, the ledger of ${chain}`)
    if (shown.size < size)
      throw ledgerFault(
        'archive_differs',
        `${this.path} ends at ${shown.size}, ${size} entries were archived`,
      )
  }

  /**
   * The 256 entries of a tile. INVARIANT: what is handed out has the hashes that the ledger has kept, so that the archive
   * can't be exchanged. Throws `archive_unreadable` or `archive_differs`.
   */
  async bundle(tile: number, leaves: LeavesOfTile): Promise<readonly Uint8Array[]> {
    const path = formatTilePath({ level: 'entries', index: tile, width: TILE_WIDTH })
    const bytes = await readBounded(join(this.path, path), MAX_BUNDLE_BYTES).catch((error: Error) => {
      throw ledgerFault('archive_unreadable', error.message)
    })
    const entries = bundleEntries(bytes)
    const kept = await leaves(tile)
    const same =
      entries?.length === TILE_WIDTH &&
      entries.every((entry, place) =>
        Buffer.from(leafHash(this.crypto, entry)).equals(kept[place] as Uint8Array),
      )
    if (!same) throw ledgerFault('archive_differs', `${join(this.path, path)} is not what was archived`)
    return entries
  }
}
