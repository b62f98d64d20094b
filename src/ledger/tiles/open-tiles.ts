import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fromUtf8 } from '../../canon/index.js'
import { LogVerifier, parseCheckpoint, type SignedCheckpoint, takeAll } from '../../receipt/index.js'
import { MAX_NOTE_BYTES, readBounded } from '../bounded-file.js'
import { ledgerFault } from '../error-table.js'
import type { Evidence } from '../evidence.js'
import { bundleEntries, MAX_BUNDLE_BYTES } from './read-tile.js'
import { availableWidth, formatTilePath, TILE_WIDTH } from './tile-path.js'

/** True where a folder holds a log as static files; see `exportTiles`. */
export async function holdsTiles(folder: string): Promise<boolean> {
  const found = await Promise.all(
    ['checkpoint', 'tile/entries'].map(name => stat(join(folder, name)).catch(() => undefined)),
  )
  return found[0]?.isFile() === true && found[1]?.isDirectory() === true
}

/** The log that a folder of tiles shows, up to its checkpoint. Throws `checkpoint_malformed`. */
export async function openTiles(folder: string): Promise<Evidence> {
  const note = await readBounded(join(folder, 'checkpoint'), MAX_NOTE_BYTES)
  const checkpoint = parseCheckpoint(note)
  return {
    kind: 'tiles',
    entries: async function* (from = 0) {
      for await (const bundle of bundles(folder, checkpoint, from)) yield* bundle
    },
    side: async () => undefined,
    verify: async (options, onEntry = () => {}) => {
      const verifier = new LogVerifier(options)
      await takeAll(verifier, bundles(folder, checkpoint, 0), options, { onEntry })
      return verifier.finish()
    },
    checkpoint,
    note: fromUtf8(note),
    states: async () => [],
    damage: [],
    close: async () => {},
  }
}

/** Throws `tiles_differ` where a bundle is missing or has another number of entries. */
async function* bundles(
  folder: string,
  { size }: SignedCheckpoint,
  from: number,
): AsyncGenerator<readonly Uint8Array[]> {
  for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < size; index++) {
    const width = availableWidth(0, index, size)
    const path = join(folder, formatTilePath({ level: 'entries', index, width }))
    const bytes = await readBounded(path, MAX_BUNDLE_BYTES).catch((error: Error) => {
      throw ledgerFault('tiles_differ', error.message)
    })
    const entries = bundleEntries(bytes)
    if (entries?.length !== width) throw ledgerFault('tiles_differ', `${path} is not ${width} entries`)
    yield entries.slice(Math.max(0, from - index * TILE_WIDTH))
  }
}
