/** The entries that a revoked key has signed and that nothing covers yet which this key could not have made. */
export class UncoveredStretch {
  /** Where it begins; null where there is none. */
  private start: number | null = null
  private entries = 0
  private sinceMs = Number.POSITIVE_INFINITY

  /** An entry whose signature holds. `revokedSince` is that of its key; null for a key that stands. */
  add(seq: number, revokedSince: number | null): void {
    // A key that stands vouches for all before it: its entry cites the hash of the one before, and that of all.
    if (revokedSince === null) {
      if (this.start !== null) this.clear()
      return
    }
    this.start ??= seq
    this.entries++
    this.sinceMs = Math.min(this.sinceMs, revokedSince)
  }

  /** Others saw everything so far at this time, Unix milliseconds. */
  seenAt(ms: number): void {
    if (ms < this.sinceMs) this.clear()
  }

  /** Whoever verifies saw everything so far before anything was revoked. */
  clear(): void {
    this.start = null
    this.entries = 0
    this.sinceMs = Number.POSITIVE_INFINITY
  }

  rest(): { readonly start: number; readonly entries: number } | null {
    return this.start === null ? null : { start: this.start, entries: this.entries }
  }
}
