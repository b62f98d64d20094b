export interface InspectionBounds {
  /** Bytes of all bodies under inspection together. */
  readonly maxInspectingBytes: number
  /** Bodies that are still arriving. */
  readonly maxArriving: number
}

/**
 * The memory that the bodies under inspection may take, all requests together. ATTACK: a thousand bodies of the
 * size that one may have, sent slowly behind anything that looks like a grant: the gate reads before the keeper
 * can say that it is none. Where there is no room for another, the body that has been arriving for longest gives way.
 */
export class InspectionRoom {
  private readonly bounds: InspectionBounds
  private heldBytes = 0
  /** What ends the reading of each body, that of the longest first. */
  private readonly arriving = new Set<() => void>()

  constructor(bounds: InspectionBounds) {
    this.bounds = bounds
  }

  open(): Holding {
    let ownBytes = 0
    let ownEnd: (() => void) | null = null
    const release = (): void => {
      this.heldBytes -= ownBytes
      ownBytes = 0
    }
    return {
      arrive: giveWay => {
        if (this.arriving.size >= this.bounds.maxArriving) this.endLongest()
        ownEnd = () => {
          release()
          giveWay()
        }
        this.arriving.add(ownEnd)
      },
      arrived: () => {
        if (ownEnd !== null) this.arriving.delete(ownEnd)
        ownEnd = null
      },
      take: bytes => {
        while (this.heldBytes + bytes > this.bounds.maxInspectingBytes) {
          const [longest] = this.arriving
          if (longest === undefined || longest === ownEnd) return false
          this.endLongest()
        }
        this.heldBytes += bytes
        ownBytes += bytes
        return true
      },
      release,
    }
  }

  private endLongest(): void {
    const [longest] = this.arriving
    if (longest === undefined) return
    this.arriving.delete(longest)
    longest()
  }
}

/** What one request holds of the room. */
export interface Holding {
  /** Its body begins to arrive; `giveWay` is called at most once, before `arrived`, where others need the room. */
  arrive(giveWay: () => void): void
  arrived(): void
  /** False, and nothing taken, where there is no room left. */
  take(bytes: number): boolean
  release(): void
}
