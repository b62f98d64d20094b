export interface LineBounds {
  /** Lines of one kind that are written in each interval. */
  readonly lines: number
  readonly intervalMs: number
  /** Kinds counted apart; what comes beyond is one kind more. */
  readonly maxKinds: number
}

const BOUNDS: LineBounds = { lines: 30, intervalMs: 60_000, maxKinds: 256 }

/** Bounds a log: so many lines of each kind in an interval, the rest as a count. */
export class LineCount {
  private readonly bounds: LineBounds
  private seen = new Map<string, number>()

  constructor(bounds: LineBounds = BOUNDS) {
    this.bounds = bounds
  }

  /** True where this line is to be written; counts it in either case. */
  mayWrite(kind: string): boolean {
    const { lines, maxKinds } = this.bounds
    const counted = this.seen.has(kind) || this.seen.size < maxKinds ? kind : 'other'
    const count = (this.seen.get(counted) ?? 0) + 1
    this.seen.set(counted, count)
    return count <= lines
  }

  /** Reports, at the end of every interval, how many lines of each kind were left out in it. */
  onInterval(report: (leftOut: ReadonlyMap<string, number>) => void): void {
    setInterval(() => {
      const { lines } = this.bounds
      const counted = [...this.seen].filter(([, count]) => count > lines)
      this.seen = new Map()
      if (counted.length > 0) report(new Map(counted.map(([kind, count]) => [kind, count - lines])))
    }, this.bounds.intervalMs).unref()
  }
}
