export interface RateBounds {
  /** Refusals at once. */
  readonly burst: number
  readonly perSecond: number
  /** Grants remembered; the one that was refused longest ago is forgotten first. */
  readonly maxGrants: number
}

export const REFUSAL_RATE: RateBounds = { burst: 1_000, perSecond: 20, maxGrants: 10_000 }

/** A refusal that takes more on disk counts as several. */
const BYTES_EACH = 8_192

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * The rate limit of a grant, a token bucket of refusals: every denial of an authenticated agent is recorded, so
 * an agent that hammers would otherwise write the disk full. What is forwarded costs nothing here.
 * ATTACK: a megabyte of arguments in each, which the auditor’s record has whole: a disk is full within hours.
 */
export class RefusalRate {
  private readonly bounds: RateBounds
  private readonly buckets = new Map<string, Bucket>()

  constructor(bounds: RateBounds = REFUSAL_RATE) {
    this.bounds = bounds
  }

  /** Null where the grant may ask, else milliseconds until it may. */
  waitMs(jti: string, nowMs: number): number | null {
    const bucket = this.buckets.get(jti)
    if (bucket === undefined) return null
    this.refill(bucket, nowMs)
    return bucket.tokens >= 1 ? null : Math.ceil(((1 - bucket.tokens) * 1_000) / this.bounds.perSecond)
  }

  /** `bytes` are written for it. What it takes beyond the bucket is paid off first. */
  refused(jti: string, nowMs: number, bytes: number): void {
    const { burst, maxGrants } = this.bounds
    const bucket = this.buckets.get(jti) ?? { tokens: burst, atMs: nowMs }
    this.refill(bucket, nowMs)
    bucket.tokens = Math.max(-burst, bucket.tokens - Math.max(1, bytes / BYTES_EACH))
    this.buckets.delete(jti)
    this.buckets.set(jti, bucket)
    if (this.buckets.size <= maxGrants) return
    const oldest = this.buckets.keys().next()
    if (!oldest.done) this.buckets.delete(oldest.value)
  }

  private refill(bucket: Bucket, nowMs: number): void {
    const gained = (Math.max(0, nowMs - bucket.atMs) * this.bounds.perSecond) / 1_000
    bucket.tokens = Math.min(this.bounds.burst, bucket.tokens + gained)
    bucket.atMs = nowMs
  }
}
