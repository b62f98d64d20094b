import { equalBytes, fromHex } from '../canon/index.js'

/** Entries between two roots that are kept. */
const EVERY = 256
const HASH_BYTES = 32

/** The roots that a growing log has had at whole tiles: 32 bytes for every 256 entries. */
export class PastRoots {
  private roots = new Uint8Array(HASH_BYTES * 64)
  private count = 0

  /** Called at every size; `root` is asked only where it is kept. */
  pass(size: number, root: () => Uint8Array): void {
    if (size % EVERY !== 0) return
    if (HASH_BYTES * (this.count + 1) > this.roots.length) {
      const wider = new Uint8Array(2 * this.roots.length)
      wider.set(this.roots)
      this.roots = wider
    }
    this.roots.set(root(), HASH_BYTES * this.count++)
  }

  /** Whether the log had this root (hex) at this size, which must be one of whole tiles. */
  had(size: number, root: string): boolean {
    const place = size / EVERY
    if (!Number.isInteger(place) || place < 1 || place > this.count) return false
    const start = HASH_BYTES * (place - 1)
    const wanted = fromHex(root)
    return wanted !== undefined && equalBytes(this.roots.subarray(start, start + HASH_BYTES), wanted)
  }
}
