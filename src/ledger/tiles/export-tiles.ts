import { rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Crypto, utf8 } from '../../canon/index.js'
import {
  frontier,
  GrowingTree,
  leafHash,
  type NodeReader,
  parseCheckpoint,
  type SignedCheckpoint,
} from '../../receipt/index.js'
import { MAX_NOTE_BYTES, readBounded } from '../bounded-file.js'
import { ledgerFault } from '../error-table.js'
import { makeFolder } from '../make-folder.js'
import { replaceFile, syncFolder } from '../replace-file.js'
import { subtreeHash } from '../tile.js'
import { MAX_BUNDLE_BYTES, prefixed } from './read-tile.js'
import { availableWidth, formatTilePath, newestTile, TILE_WIDTH, type TileName } from './tile-path.js'

type Hash = Pick<Crypto, 'sha256'>

export interface ExportedTiles {
  /** Entries that the folder has now. */
  readonly size: number
  /** Entries that it had before. */
  readonly before: number
}

export interface TileExport {
  readonly folder: string
  /** Envelopes in order from there on. */
  readonly entries: (from: number) => AsyncIterable<Uint8Array>
  /** What the folder shall show; the entries must reach it. */
  readonly note: string
  readonly crypto: Hash
  /** Called with the number of entries that the folder has. */
  readonly onEntry?: (size: number) => void
}

/**
 * Writes a log as static files (https://c2sp.org/tlog-tiles): `checkpoint`, `tile/<L>/<N>` and `tile/entries/<N>`, to be
 * served as they are. Into a folder that has an older checkpoint of the same log it writes only what is new.
 * The checkpoint is replaced last: whoever reads in between finds all that it needs. Throws `tiles_differ` where the folder
 * shows another history, and leaves it as it was.
 */
export async function exportTiles(options: TileExport): Promise<ExportedTiles> {
  const { folder, note, crypto, entries, onEntry } = options
  const target = parseCheckpoint(utf8(note))
  const shown = await shownBy(folder)
  const before = shown?.size ?? 0
  if (shown !== null && shown.origin !== target.origin) throw differ(`the folder shows ${shown.origin}`)
  if (before > target.size) throw differ(`the folder shows ${before} entries, the log has ${target.size}`)
  const writer = await TileWriter.resume(folder, before, crypto)
  try {
    if (writer.size < target.size)
      for await (const entry of entries(writer.size)) {
        await writer.add(entry)
        if (shown !== null && writer.size === before && writer.root() !== shown.root)
          throw differ(`the log has another root at size ${before}`)
        onEntry?.(writer.size)
        if (writer.size === target.size) break
      }
    if (writer.size !== target.size) throw differ(`the log ends at ${writer.size}`)
    if (writer.root() !== target.root) throw differ('the entries are not those of the checkpoint')
    await writer.finish()
  } catch (error) {
    await writer.undo()
    throw error
  }
  await replaceFile(join(folder, 'checkpoint'), utf8(note))
  await writer.removeOutgrown()
  return { size: target.size, before }
}

/** The checkpoint in the folder; null where there is none. */
async function shownBy(folder: string): Promise<SignedCheckpoint | null> {
  await makeDurably(folder)
  const bytes = await readExisting(join(folder, 'checkpoint'), MAX_NOTE_BYTES)
  return bytes === null ? null : parseCheckpoint(bytes)
}

/** Null only where nothing is there: what can't be read may be the one copy of something. */
function readExisting(file: string, maxBytes: number): Promise<Buffer | null> {
  return readBounded(file, maxBytes).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw differ(error.message)
  })
}

class TileWriter {
  private readonly folder: string
  private readonly crypto: Hash
  private readonly tree: GrowingTree
  /** Hashes behind the last full tile, by level. */
  private readonly open: Uint8Array[][]
  private bundle: Uint8Array[] = []
  private readonly written: string[] = []
  private readonly outgrown: string[] = []

  private constructor(folder: string, crypto: Hash, tree: GrowingTree, open: Uint8Array[][]) {
    this.folder = folder
    this.crypto = crypto
    this.tree = tree
    this.open = open
  }

  /** Goes on behind the last full bundle of a folder that shows `size` entries. */
  static async resume(folder: string, size: number, crypto: Hash): Promise<TileWriter> {
    const start = size - (size % TILE_WIDTH)
    const read = nodesIn(folder, size, crypto)
    const tree = new GrowingTree(crypto, start, await Promise.all(frontier(start).map(read)))
    const open: Uint8Array[][] = []
    for (let level = 0; TILE_WIDTH ** level <= start || level === 0; level++) {
      const { index, width } = newestTile(level, start)
      const places = Array.from({ length: width }, (_, at) => ({
        level: 8 * level,
        index: index * TILE_WIDTH + at,
      }))
      open.push(await Promise.all(places.map(read)))
    }
    return new TileWriter(folder, crypto, tree, open)
  }

  get size(): number {
    return this.tree.size
  }

  root(): string {
    return this.tree.rootHex()
  }

  async add(entry: Uint8Array): Promise<void> {
    const completed = this.tree.append(leafHash(this.crypto, entry))
    this.bundle.push(...prefixed(entry))
    if (this.bundle.length === 2 * TILE_WIDTH) {
      await this.writeFull('entries', this.size / TILE_WIDTH - 1, this.bundle)
      this.bundle = []
    }
    for (let level = 0; 8 * level < completed.length; level++) {
      const hashes = this.open[level] ?? []
      this.open[level] = hashes
      hashes.push(completed[8 * level] as Uint8Array)
      if (hashes.length < TILE_WIDTH) continue
      await this.writeFull(level, this.size / TILE_WIDTH ** (level + 1) - 1, hashes)
      this.open[level] = []
    }
  }

  /** Writes the tiles that aren't full. */
  async finish(): Promise<void> {
    const index = Math.floor(this.size / TILE_WIDTH)
    if (this.bundle.length > 0)
      await this.write({ level: 'entries', index, width: this.bundle.length / 2 }, this.bundle)
    for (const [level, hashes] of this.open.entries())
      if (hashes.length > 0) await this.write(newestTile(level, this.size), hashes)
  }

  /** Takes back what was written: it belongs to no checkpoint. */
  async undo(): Promise<void> {
    for (const path of this.written) await unlink(path).catch(() => undefined)
  }

  /** A partial tile may go once the full one is there. */
  async removeOutgrown(): Promise<void> {
    for (const path of this.outgrown) await rm(path, { recursive: true, force: true })
  }

  private async writeFull(
    level: TileName['level'],
    index: number,
    parts: readonly Uint8Array[],
  ): Promise<void> {
    const path = await this.write({ level, index, width: TILE_WIDTH }, parts)
    this.outgrown.push(`${path}.p`)
  }

  private async write(name: TileName, parts: readonly Uint8Array[]): Promise<string> {
    const path = join(this.folder, formatTilePath(name))
    const bytes = Buffer.concat(parts)
    const before = await readExisting(path, MAX_BUNDLE_BYTES)
    // INVARIANT: what was there before is neither written over nor taken back; an archive may be the only place where it is.
    if (before !== null) {
      if (!before.equals(bytes)) throw differ(`${path} holds something else`)
      return path
    }
    await makeDurably(dirname(path))
    await replaceFile(path, bytes, 0o644)
    this.written.push(path)
    return path
  }
}

/** The names of new folders are made durable in those that hold them, which syncing a file in them does not do. */
async function makeDurably(path: string): Promise<void> {
  const first = await makeFolder(path, 0o755)
  if (first === undefined) return
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first) return
  }
}

/** Hashes of subtrees from the tiles of a folder that shows `size` entries. */
function nodesIn(folder: string, size: number, crypto: Hash): NodeReader {
  return async ({ level, index }) => {
    const tileLevel = Math.floor(level / 8)
    const count = 2 ** (level % 8)
    const first = index * count
    const tile = Math.floor(first / TILE_WIDTH)
    const width = availableWidth(tileLevel, tile, size)
    const path = formatTilePath({ level: tileLevel, index: tile, width })
    const bytes = await readExisting(join(folder, path), 32 * TILE_WIDTH)
    if (bytes === null) throw differ(`${path} is missing`)
    const start = 32 * (first % TILE_WIDTH)
    if (bytes.length !== 32 * width) throw differ(`a tile of level ${tileLevel} is cut`)
    const hashes = Array.from({ length: count }, (_, at) =>
      bytes.subarray(start + 32 * at, start + 32 * (at + 1)),
    )
    return subtreeHash(crypto, hashes)
  }
}

function differ(detail: string): Error {
  return ledgerFault('tiles_differ', detail)
}
