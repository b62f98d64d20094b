import { type ControlBody, decodeEntry, type Entry } from '../../receipt/index.js'
import type { TrailEvent } from './cloudtrail.js'

/** What a trail has in place of an ARN for a session of another account's role: the role's id and the session's name. */
const SESSION_ID = /^AROA[A-Z0-9]+:/

/** How far apart the clocks of AWS and the keeper may be, and how long a call may take, where only time joins them. */
const MARGIN_MS = 5 * 60_000

export const TRAIL_FINDINGS = {
  role_assumed_elsewhere: 'the agents’ role was assumed, and no receipt made that session',
  session_unknown: 'a session of the agents’ role acted, and no receipt made it',
  call_unrecorded: 'credentials that the sidecar made were used for a call that no receipt records',
  call_differs: 'a call that changes something has the request id of a receipt that names another',
  session_outlived: 'credentials that the sidecar made were used after they had expired',
  principal_forbidden: 'a principal that agents must not be acted',
} as const
export type TrailFindingCode = keyof typeof TRAIL_FINDINGS

export interface TrailFinding {
  readonly code: TrailFindingCode
  readonly event: TrailEvent
}

export interface Reconciliation {
  /** Entries of the log. Nothing of them is verified. */
  readonly entries: number
  readonly events: number
  readonly fromMs: number | null
  readonly toMs: number | null
  /** Events that a receipt explains: by AWS's request id, or by session, name and time. */
  readonly byRequestId: number
  readonly bySession: number
  /** The keeper's own calls of AssumeRole. */
  readonly minted: number
  /** AWS itself, in the name of a session that a receipt explains. */
  readonly byAws: number
  /** Everybody else's, by principal: how many, and how many of them changed something. */
  readonly others: Readonly<Record<string, { readonly events: number; readonly changing: number }>>
  /** Those of them by a session whose role the trail leaves out, as that of another account does: it may be an agents' one. */
  readonly nameless: number
  readonly findings: readonly TrailFinding[]
  /** Calls that completed according to the ledger, within the trail's time, of which the trail has no event. */
  readonly unseen: readonly { readonly seq: number; readonly operation: string }[]
}

export interface ReconcileOptions {
  /** ARNs of the roles that only the sidecar may assume. */
  readonly roles: ReadonlySet<string>
  /** Principals of which every event is a finding: patterns with `*`. */
  readonly forbidden: readonly RegExp[]
}

interface Call {
  readonly seq: number
  readonly t: number
  /** Names without their service: `TerminateInstances`. */
  readonly names: readonly string[]
  readonly session: Session
  requestId: string | null
  completed: boolean
  seen: boolean
}

interface Session {
  readonly mintedMs: number
  readonly expiresMs: number
  readonly calls: Call[]
  /** The calls by name, the latest first, without those that no later event can be. */
  readonly byName: Map<string, Call[]>
  /** Whether the trail has shown how it was made; the keeper asks once. */
  made: boolean
  /** When the keeper has asked something itself before decisions, by name, the latest first; how many requests that took, no entry says. */
  readonly asked: Map<string, number[]>
}

/**
 * Joins what CloudTrail saw with what the ledger says: the name of a role's session is the id of the `mint` entry that
 * made it, which every attempt that used it cites. Whatever a session of the agents' role did and no receipt explains,
 * went around the sidecar.
 */
export async function reconcile(
  events: readonly TrailEvent[],
  entries: AsyncIterable<Uint8Array>,
  { roles, forbidden }: ReconcileOptions,
  onEntry: (count: number) => void = () => {},
): Promise<Reconciliation> {
  const times = events.map(({ timeMs }) => timeMs)
  const fromMs = times.reduce<number | null>(
    (least, time) => (least === null ? time : Math.min(least, time)),
    null,
  )
  const toMs = times.reduce<number | null>(
    (most, time) => (most === null ? time : Math.max(most, time)),
    null,
  )
  let count = 0
  const sessions = await sessionsOf(entries, read => {
    count = read
    onEntry(read)
  })
  const calls = new Map(
    [...sessions.values()].flatMap(({ calls: made }) =>
      made.flatMap(call => (call.requestId === null ? [] : [[call.requestId, call] as const])),
    ),
  )
  const counted = { byRequestId: 0, bySession: 0, minted: 0, byAws: 0 }
  // ATTACK: an event of a principal called `__proto__`.
  const others: Record<string, { events: number; changing: number }> = Object.create(null)
  const findings: TrailFinding[] = []
  let nameless = 0
  for (const event of once(events).sort((a, b) => a.timeMs - b.timeMs)) {
    const verdict = judge(event, { roles, forbidden, sessions, calls })
    if (verdict.kind === 'finding') findings.push({ code: verdict.code, event })
    else if (verdict.kind === 'other') {
      const other = others[event.principal.arn] ?? { events: 0, changing: 0 }
      others[event.principal.arn] = other
      other.events++
      if (!event.readOnly) other.changing++
      if (SESSION_ID.test(event.principal.arn)) nameless++
    } else counted[verdict.kind]++
  }
  const unseen = [...sessions.values()].flatMap(({ calls: made }) =>
    made
      .filter(({ t, completed, seen }) => completed && !seen && isBetween(t, fromMs, toMs))
      .map(({ seq, names }) => ({ seq, operation: names.join(', ') })),
  )
  unseen.sort((a, b) => a.seq - b.seq)
  return {
    entries: count,
    events: events.length,
    fromMs,
    toMs,
    ...counted,
    others,
    nameless,
    findings,
    unseen,
  }
}

/**
 * CloudTrail may deliver an event twice, and one file may be there packed and unpacked. ATTACK: another event under the
 * same id is another event, and so is each that has none.
 */
function once(events: readonly TrailEvent[]): TrailEvent[] {
  const known = new Set<string>()
  return events.filter(event => {
    const text = JSON.stringify(event)
    if (event.id !== '' && known.has(text)) return false
    known.add(text)
    return true
  })
}

type Verdict =
  | { readonly kind: 'byRequestId' | 'bySession' | 'minted' | 'byAws' | 'other' }
  | { readonly kind: 'finding'; readonly code: TrailFindingCode }

interface Known extends ReconcileOptions {
  readonly sessions: ReadonlyMap<string, Session>
  readonly calls: ReadonlyMap<string, Call>
}

function judge(event: TrailEvent, { roles, forbidden, sessions, calls }: Known): Verdict {
  const { principal, assumes } = event
  const isOurs = (role: string): boolean => [...roles].some(each => roleName(each) === roleName(role))
  if (assumes !== null && isOurs(assumes.role))
    return wasMinted(event, sessions.get(assumes.name)) ? { kind: 'minted' } : found('role_assumed_elsewhere')
  if (principal.session === null || !isOurs(principal.session.role))
    return forbidden.some(pattern => pattern.test(principal.arn))
      ? found('principal_forbidden')
      : { kind: 'other' }
  const session = sessions.get(principal.session.name)
  if (session === undefined) return found('session_unknown')
  if (principal.invokedBy !== null) return { kind: 'byAws' }
  const call = event.requestId === null ? undefined : calls.get(event.requestId)
  if (call !== undefined && call.session === session) {
    if (!event.readOnly && !isNamed(event, call)) return found('call_differs')
    call.seen = true
    return { kind: 'byRequestId' }
  }
  if (event.timeMs > session.expiresMs + MARGIN_MS) return found('session_outlived')
  const alike = unseenAlike(event, session)
  if (alike === undefined) return wasAsked(event, session) ? { kind: 'bySession' } : found('call_unrecorded')
  alike.seen = true
  return { kind: 'bySession' }
}

/**
 * CloudTrail cuts some names, or puts a version behind them: `PutBucketLifecycle` for `PutBucketLifecycleConfiguration`.
 * ATTACK: a keeper writes the request id of what deletes into the receipt of what reads.
 */
function isNamed({ name }: TrailEvent, { names }: Call): boolean {
  return names.some(each => each.startsWith(name) || name.startsWith(each))
}

/** ATTACK: whoever has stolen what may assume the role names another session like one that a receipt made. */
function wasMinted({ timeMs, errorCode }: TrailEvent, session: Session | undefined): boolean {
  if (session === undefined || Math.abs(timeMs - session.mintedMs) > MARGIN_MS) return false
  // AWS refused it, so there is no session of it.
  if (errorCode !== null) return true
  const first = !session.made
  session.made = true
  return first
}

/**
 * The earliest call of that name and about that time that no event is yet. Events come in the order of time, so what is too
 * old for one is never looked at again. ATTACK: a session of a hundred thousand calls, each held against each event.
 */
function unseenAlike({ name, timeMs }: TrailEvent, { byName }: Session): Call | undefined {
  const call = earliest(byName.get(name), ({ seen, t }) => seen || t < timeMs - MARGIN_MS)
  return call === undefined || call.t > timeMs + MARGIN_MS ? undefined : call
}

/** The last of a list whose earliest stands last, once those that are done with are taken off. */
function earliest<T>(latestFirst: T[] | undefined, isDone: (value: T) => boolean): T | undefined {
  let last = latestFirst?.at(-1)
  while (last !== undefined && isDone(last)) {
    latestFirst?.pop()
    last = latestFirst?.at(-1)
  }
  return last
}

/** Account and name of a role: its path is in some ARNs only, and no two roles of an account share a name. */
function roleName(arn: string): string {
  return arn.replace(/^arn:[^:]*:iam::([0-9]*):role\/(?:.*\/)?([^/]+)$/s, '$1/$2')
}

function found(code: TrailFindingCode): Verdict {
  return { kind: 'finding', code }
}

/** Sessions that the ledger's `mint` entries made, with the admitted attempts that cite them. */
async function sessionsOf(
  entries: AsyncIterable<Uint8Array>,
  onEntry: (count: number) => void,
): Promise<ReadonlyMap<string, Session>> {
  const sessions = new Map<string, Session>()
  const bySeq = new Map<number, Call>()
  let count = 0
  for await (const bytes of entries) {
    takeEntry(decodeEntry(bytes), sessions, bySeq)
    onEntry(++count)
  }
  for (const session of sessions.values()) indexByName(session)
  return sessions
}

/** The earliest last, where it is taken off. */
function indexByName({ calls, byName, asked }: Session): void {
  for (const call of [...calls].sort((a, b) => b.t - a.t || b.seq - a.seq))
    for (const name of new Set(call.names)) addTo(byName, name, call)
  for (const times of asked.values()) times.sort((a, b) => b - a)
}

function addTo<T>(map: Map<string, T[]> | undefined, name: string, value: T): void {
  const known = map?.get(name)
  if (known === undefined) map?.set(name, [value])
  else known.push(value)
}

function takeEntry(entry: Entry, sessions: Map<string, Session>, bySeq: Map<number, Call>): void {
  if (entry.type === 'mint') {
    const { action, minter, id, expires } = entry.data
    if (action === 'minted' && minter === 'aws-sts' && typeof id === 'string')
      sessions.set(id, {
        mintedMs: entry.t,
        expiresMs: Number(expires),
        calls: [],
        byName: new Map(),
        made: false,
        asked: new Map(),
      })
  } else if (entry.type === 'probe') {
    takeProbe(entry, sessions)
  } else if (entry.type === 'attempt') {
    const session = sessions.get(entry.credential?.mint ?? '')
    if (session === undefined || entry.decision.effect !== 'allow') return
    const names = entry.ops.map(({ name }) => name.slice(name.indexOf(':') + 1))
    const { seq, t } = entry
    const call: Call = { seq, t, names, session, requestId: null, completed: false, seen: false }
    session.calls.push(call)
    bySeq.set(entry.seq, call)
  } else if (entry.type === 'outcome') {
    const call = bySeq.get(entry.attempt)
    if (call === undefined) return
    bySeq.delete(entry.attempt)
    call.requestId = entry.upstream_id ?? null
    call.completed = entry.status === 'completed' && entry.http < 400
  }
}

function takeProbe({ t, data }: Entry & ControlBody, sessions: ReadonlyMap<string, Session>): void {
  const asked = data.asked as unknown as readonly {
    readonly mint: string
    readonly operations: readonly string[]
  }[]
  for (const { mint, operations } of asked)
    for (const name of operations) addTo(sessions.get(mint)?.asked, name.slice(name.indexOf(':') + 1), t)
}

/** Only what reads can have been asked. */
function wasAsked({ name, timeMs, readOnly }: TrailEvent, { asked }: Session): boolean {
  if (!readOnly) return false
  const t = earliest(asked.get(name), each => each < timeMs - MARGIN_MS)
  return t !== undefined && t <= timeMs + MARGIN_MS
}

function isBetween(t: number, fromMs: number | null, toMs: number | null): boolean {
  return fromMs !== null && toMs !== null && t >= fromMs && t <= toMs
}
