import type { Cosigning, Shipping } from '../ledger/index.js'
import { type EvidenceBounds, isBeyond } from '../policy/index.js'
import type { Notice } from './notices.js'
import type { EvidenceFollowers } from './ports.js'

/** What may be wrong with the evidence or the keeper that makes it. */
export type AlarmName = 'shipping_failing' | 'unshipped' | 'unwitnessed' | 'witness_failing'

/** Something that is wrong at the moment. */
export interface Trouble {
  readonly alarm: AlarmName
  /** Of the place or the witness; null where there is only one thing that can be meant. */
  readonly name: string | null
  /** What is the matter, in a stable code. */
  readonly code: string | null
  /** Unix milliseconds; now, where only that it is so is known. */
  readonly sinceMs: number
}

/** Shorter than this, a place or a witness is being restarted, or hasn't answered after a start yet. */
const GRACE_MS: Readonly<Record<AlarmName, number>> = {
  shipping_failing: 60_000,
  witness_failing: 60_000,
  // Agents stand still for these.
  unshipped: 10_000,
  unwitnessed: 10_000,
}
/** So long it has to be well again until somebody is told so, and hears of it anew. */
const LULL_MS = 60_000
interface Seen {
  readonly trouble: Trouble
  readonly sinceMs: number
  told: boolean
  /** Since when it is well again; null while it isn't. */
  wellMs: number | null
}

/**
 * Tells of what is wrong with the evidence once, and once of its end, however often it comes and goes in between. There are as many
 * things as the configuration names, and each is told of twice a minute at most.
 */
export class EvidenceAlarm {
  private readonly seen = new Map<string, Seen>()
  private readonly raise: (notice: Notice) => void

  constructor(raise: (notice: Notice) => void) {
    this.raise = raise
  }

  /** What is wrong now, all of it. */
  look(troubles: readonly Trouble[], nowMs: number): void {
    const now = new Set(troubles.map(keyOf))
    for (const trouble of troubles) this.isWrong(trouble, nowMs)
    for (const [key, seen] of this.seen) if (!now.has(key)) this.isWell(key, seen, nowMs)
  }

  private isWrong(trouble: Trouble, nowMs: number): void {
    const key = keyOf(trouble)
    const seen = this.seen.get(key) ?? { trouble, sinceMs: trouble.sinceMs, told: false, wellMs: null }
    this.seen.set(key, seen)
    seen.wellMs = null
    if (seen.told || nowMs - seen.sinceMs < GRACE_MS[trouble.alarm]) return
    seen.told = true
    this.raise(alarmNotice('alarm.raised', trouble, seen.sinceMs, nowMs))
  }

  private isWell(key: string, seen: Seen, nowMs: number): void {
    seen.wellMs ??= nowMs
    if (seen.told && nowMs - seen.wellMs < LULL_MS) return
    this.seen.delete(key)
    if (seen.told) this.raise(alarmNotice('alarm.ended', seen.trouble, seen.wellMs, nowMs))
  }
}

/** A keeper that ends in order, as it begins to. */
export function closingNotice(chain: string, size: number, t: number): Notice {
  return { id: `keeper.closing.${chain}.${size}`, type: 'keeper.closing', t, data: { size } }
}

/** Under one id for as long as the ledger is what it was: a keeper that starts and fails again says the same. */
export function refusedNotice(code: string, chain: string, size: number, t: number): Notice {
  const data = { alarm: 'ledger_refused', name: null, code, since: t, size }
  return { id: `alarm.ledger_refused.${chain}.${size}.${code}`, type: 'alarm.raised', t, data }
}

/** What follows the ledger, as the keeper is started with it. */
export interface Evidence {
  readonly shipping?: Pick<Shipping, 'lag' | 'status'> | null
  readonly cosigning?: Pick<Cosigning, 'lag' | 'status'> | null
  /** Instead of them, for the bounds. */
  readonly followers?: EvidenceFollowers
}

interface Failable {
  readonly name: string
  readonly failing: { readonly code: string; readonly sinceMs: number } | null
}

/** What is wrong with the evidence now: places and witnesses that fail, and bounds of the policy that are exceeded. */
export function troublesOf(
  { shipping, cosigning, followers }: Evidence,
  bounds: EvidenceBounds | null,
  nowMs: number,
): readonly Trouble[] {
  const { maxUnshipped = null, maxUnwitnessed = null } = bounds ?? {}
  const failing = (alarm: Trouble['alarm'], all: readonly Failable[]): readonly Trouble[] =>
    all.flatMap(({ name, failing }) =>
      failing === null ? [] : [{ alarm, name, code: failing.code, sinceMs: failing.sinceMs }],
    )
  const beyond = (alarm: Trouble['alarm'], is: boolean): readonly Trouble[] =>
    is ? [{ alarm, name: null, code: `evidence_${alarm}`, sinceMs: nowMs }] : []
  const shipped = followers?.shipping ?? shipping
  const witnessed = followers?.witnesses ?? cosigning
  return [
    ...failing('shipping_failing', shipping?.status() ?? []),
    ...failing('witness_failing', cosigning?.status().witnesses ?? []),
    ...beyond('unshipped', isBeyond(shipped?.lag(nowMs) ?? null, maxUnshipped)),
    ...beyond('unwitnessed', isBeyond(witnessed?.lag(nowMs) ?? null, maxUnwitnessed)),
  ]
}

function alarmNotice(
  type: 'alarm.raised' | 'alarm.ended',
  { alarm, name, code }: Trouble,
  since: number,
  t: number,
): Notice {
  return { id: `${type}.${alarm}.${name ?? ''}.${since}`, type, t, data: { alarm, name, code, since } }
}

function keyOf({ alarm, name }: Trouble): string {
  return `${alarm} ${name ?? ''}`
}
