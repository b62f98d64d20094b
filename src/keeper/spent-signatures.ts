import type { StateReader } from '../ledger/index.js'
import type { Operation } from '../protocol/index.js'
import type { StateChange } from './state-change.js'

/** Durable form: key `signature/<first 32 hex digits>`, value: Unix milliseconds from which it may be forgotten. */
const PREFIX = 'signature/'
/** 128 bits tell signatures apart; who finds two that agree in them has one refused. */
const KEPT_DIGITS = 32
/** About 60 MB. A signature lives for a quarter of an hour, a presigned one for as long as its grant. */
const MAX_SPENT = 600_000
const BUCKET_MS = 60_000
/** Deletions that one attempt carries along: more than it adds, so that the store shrinks again. */
const FORGOTTEN_AT_ONCE = 32

/**
 * Signatures of requests that changed something. Each is good once: who has recorded a signed request can't have it
 * done again, also not after a restart. Reads may be repeated, as SDKs do within a signature's second.
 */
export class SpentSignatures {
  private readonly spent = new Map<string, number>()
  /** Names by the minute in which they lapse. */
  private readonly buckets = new Map<number, string[]>()
  /** Lapsed, and still on disk. */
  private readonly lapsed: string[] = []
  private readonly max: number
  private sweptMs = 0

  constructor(max = MAX_SPENT) {
    this.max = max
  }

  /** The signatures as of the newest entry. */
  static async load(state: StateReader, max = MAX_SPENT): Promise<SpentSignatures> {
    const signatures = new SpentSignatures(max)
    for (const [key, value] of await state.list(PREFIX))
      signatures.keep(key.slice(PREFIX.length), Number(value))
    return signatures
  }

  get size(): number {
    return this.spent.size
  }

  /** Why an operation may not be done under this signature now; null where it may. */
  refusal(signature: string, nowMs: number): 'signature_reused' | 'signatures_full' | null {
    this.sweep(nowMs)
    const untilMs = this.spent.get(nameOf(signature))
    if (untilMs !== undefined && untilMs > nowMs) return 'signature_reused'
    return this.spent.size >= this.max ? 'signatures_full' : null
  }

  /** Refused from now on; `changes` make that durable. */
  spend(signature: string, untilMs: number): void {
    this.keep(nameOf(signature), untilMs)
  }

  /** What rides in the batch of the attempt that spent it. */
  changes(signature: string): readonly StateChange[] {
    const name = nameOf(signature)
    const forgotten = this.lapsed.splice(-FORGOTTEN_AT_ONCE).map(each => change(each, null))
    return [...forgotten, change(name, String(this.spent.get(name)))]
  }

  /** Gives back what was neither sent nor written. */
  release(signature: string): void {
    this.spent.delete(nameOf(signature))
  }

  private keep(name: string, untilMs: number): void {
    this.spent.set(name, untilMs)
    const bucket = bucketOf(untilMs)
    const names = this.buckets.get(bucket)
    if (names === undefined) this.buckets.set(bucket, [name])
    else names.push(name)
  }

  /** At most once a minute: there are as many buckets as minutes in the longest life. */
  private sweep(nowMs: number): void {
    if (nowMs < this.sweptMs + BUCKET_MS) return
    this.sweptMs = nowMs
    for (const [bucket, names] of this.buckets) {
      if ((bucket + 1) * BUCKET_MS > nowMs) continue
      this.buckets.delete(bucket)
      // What was released is on no disk.
      for (const name of names) if (this.spent.delete(name)) this.lapsed.push(name)
    }
  }
}

/** Whether an operation leaves everything as it is; nothing else may be asked for twice under one signature. */
export function isRepeatable(operations: readonly Operation[]): boolean {
  return operations.every(({ classes }) =>
    classes.every(each => each === 'read' || each === 'sensitive_read'),
  )
}

function nameOf(signature: string): string {
  return signature.slice(0, KEPT_DIGITS)
}

function bucketOf(untilMs: number): number {
  return Math.floor(untilMs / BUCKET_MS)
}

function change(name: string, value: string | null): StateChange {
  return { key: `${PREFIX}${name}`, value }
}
