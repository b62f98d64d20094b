import { createHash, type Hash, hash } from 'node:crypto'

/** SHA-256 in lower-case hex of bytes that are at hand. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

/** SHA-256 of a stream, part by part. What arrives in one part, as most answers do, is hashed in one call. */
export class RunningDigest {
  lengthBytes = 0
  private first: Uint8Array | null = null
  private running: Hash | null = null

  update(part: Uint8Array): void {
    this.lengthBytes += part.length
    if (this.running !== null) {
      this.running.update(part)
    } else if (this.first === null) {
      this.first = part
    } else {
      this.running = createHash('sha256').update(this.first).update(part)
      this.first = null
    }
  }

  /** Lower-case hex of what has come and of a last part that doesn't count yet; the digest goes on. */
  hexWith(last: Uint8Array): string {
    if (this.running !== null) return this.running.copy().update(last).digest('hex')
    if (this.first === null) return sha256Hex(last)
    return createHash('sha256').update(this.first).update(last).digest('hex')
  }

  /** Lower-case hex; ends the digest. */
  hex(): string {
    if (this.running !== null) return this.running.digest('hex')
    return sha256Hex(this.first ?? NO_BYTES)
  }
}

const NO_BYTES = new Uint8Array(0)
