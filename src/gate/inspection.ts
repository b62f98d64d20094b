export interface InspectionBounds {
  /** Bytes of all bodies under inspection together. */
  readonly maxInspectingBytes: number
  /** The same of one grant. */
  readonly maxInspectingBytesPerGrant: number
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
  /** What each holds, and what it has announced and not yet sent. */
  private readonly byGrant = new Map<string, number>()
  /** What ends the reading of each body, that of the longest first. */
  private readonly arriving = new Set<() => void>()

  constructor(bounds: InspectionBounds) {
    this.bounds = bounds
  }

  /** Grants that hold something of it. */
  get size(): number {
    return this.byGrant.size
  }

  open(): Holding {
    let ownBytes = 0
    let announcedBytes = 0
    let ownEnd: (() => void) | null = null
    let owner: string | null = null
    const ofGrant = (): number => (owner === null ? 0 : (this.byGrant.get(owner) ?? 0))
    const countToGrant = (bytes: number): void => {
      if (owner === null) return
      const held = ofGrant() + bytes
      if (held === 0) this.byGrant.delete(owner)
      else this.byGrant.set(owner, held)
    }
    const count = (bytes: number): void => {
      this.heldBytes += bytes
      ownBytes += bytes
      countToGrant(bytes)
    }
    const release = (): void => {
      countToGrant(-announcedBytes)
      announcedBytes = 0
      count(-ownBytes)
    }
    return {
      belongTo: grant => {
        owner = grant
      },
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
      announce: bytes => {
        if (ofGrant() + bytes > this.bounds.maxInspectingBytesPerGrant) return false
        announcedBytes += bytes
        countToGrant(bytes)
        return true
      },
      take: bytes => {
        const expected = Math.min(bytes, announcedBytes)
        if (ofGrant() + bytes - expected > this.bounds.maxInspectingBytesPerGrant) return false
        while (this.heldBytes + bytes > this.bounds.maxInspectingBytes) {
          const [longest] = this.arriving
          if (longest === undefined || longest === ownEnd) return false
          this.endLongest()
        }
        announcedBytes -= expected
        countToGrant(-expected)
        count(bytes)
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
  /** Counts it to this grant. Called before anything is taken; the same each time. */
  belongTo(grant: string): void
  /** Its body begins to arrive; `giveWay` is called at most once, before `arrived`, where others need the room. */
  arrive(giveWay: () => void): void
  arrived(): void
  /**
   * Keeps room for a body of its grant's own share, before any of it is taken; false where that has no more. Of the
   * whole room nothing is kept: what is announced and never sent is nobody else's loss.
   */
  announce(bytes: number): boolean
  /** False, and nothing taken, where there is no room left. */
  take(bytes: number): boolean
  release(): void
}
