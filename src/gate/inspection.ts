/**
 * The memory that the bodies under inspection may take, all requests together. ATTACK: a thousand bodies of the
 * size that one may have, sent slowly behind anything that looks like a grant: the gate reads before the keeper
 * can say that it is none.
 */
export class InspectionRoom {
  private readonly maxBytes: number
  private heldBytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  open(): Holding {
    let ownBytes = 0
    return {
      take: bytes => {
        if (this.heldBytes + bytes > this.maxBytes) return false
        this.heldBytes += bytes
        ownBytes += bytes
        return true
      },
      release: () => {
        this.heldBytes -= ownBytes
        ownBytes = 0
      },
    }
  }
}

/** What one request holds of the room. */
export interface Holding {
  /** False, and nothing taken, where there is no room left. */
  take(bytes: number): boolean
  release(): void
}
