/** Works for a moment, then rests, so that it takes no more than a share of one processor and of the disk. */
export class Pace {
  private readonly share: number
  private since = performance.now()

  /** `share`: of the time, above 0 up to 1. */
  constructor(share: number) {
    this.share = share
  }

  /** Called often, between two pieces of work. */
  async rest(): Promise<void> {
    const busy = performance.now() - this.since
    if (this.share >= 1 || busy < WORK_MS) return
    await new Promise(resolve => setTimeout(resolve, busy * (1 / this.share - 1)))
    this.since = performance.now()
  }
}

const WORK_MS = 10
