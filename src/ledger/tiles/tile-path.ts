/** Hashes in a tile, and entries in a bundle (https://c2sp.org/tlog-tiles). */
export const TILE_WIDTH = 256

/** Names one tile of the tree, or the bundle of entries under a tile of level 0. */
export interface TileName {
  readonly level: number | 'entries'
  /** Within the level. */
  readonly index: number
  /** Fewer than 256 for a partial one. */
  readonly width: number
}

const MAX_LEVEL = 63
const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/** `tile/<L>/<N>[.p/<W>]`, N in elements of three digits, all but the last after an x: `tile/0/x001/x234/067`. */
export function formatTilePath({ level, index, width }: TileName): string {
  const digits = String(index)
  const padded = digits.padStart(3 * Math.ceil(digits.length / 3), '0')
  const parts = padded.match(/.{3}/g) as string[]
  const number = parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/')
  return `tile/${level}/${number}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Null for everything that `formatTilePath` doesn't write. */
export function parseTilePath(path: string): TileName | null {
  const [, level = '', number = '', partial] = PATH.exec(path) ?? []
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number(number.replaceAll(/[x/]/g, '')),
    width: partial === undefined ? TILE_WIDTH : Number(partial),
  }
  const isTile = name.level === 'entries' || name.level <= MAX_LEVEL
  const isWidth = partial === undefined || name.width < TILE_WIDTH
  return level !== '' && isTile && isWidth && formatTilePath(name) === path ? name : null
}

/** The tile in which a tree of this size has its newest hashes of a level; its width may be 0. */
export function newestTile(level: number, size: number): TileName {
  const hashes = Math.floor(size / TILE_WIDTH ** level)
  return { level, index: Math.floor(hashes / TILE_WIDTH), width: hashes % TILE_WIDTH }
}

/** How many hashes of that tile a tree of this size has. */
export function availableWidth(level: number, index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH
  return Math.min(TILE_WIDTH, Math.max(0, hashes))
}
