import { CONTENT_ID } from '../canon/index.js'
import { type AttemptBody, type ControlBody, decodeEntry, type Entry } from '../receipt/index.js'
import { fitsAttempt, namesSeq, type Question } from './question.js'

/** The entries that answer a question: attempts, outcomes, and everything that they cite. */
export interface Selection {
  /** Ascending. */
  readonly seqs: readonly number[]
  readonly attempts: number
  /** Content ids of the policies that they cite. */
  readonly policies: readonly string[]
  /** Attempts whose list of resources was cut, so that it can't be told whether they fit; they are in. */
  readonly uncertain: number
}

/**
 * Reads the first `size` entries of a log and picks those that a bundle has to hold. An outcome that is named by its
 * number stands for its attempt; where there is one, the log is read twice.
 */
export async function selectIncident(
  read: () => AsyncIterable<Uint8Array>,
  question: Question,
  size: number,
  onEntry: (count: number) => void,
): Promise<Selection> {
  const first = await readInto(new Selector(question), read(), size, onEntry)
  if (first.closed.length === 0) return first.selection()
  const seqs = [...question.seqs, ...first.closed.map(seq => [seq, seq] as const)]
  return (await readInto(new Selector({ ...question, seqs }), read(), size, onEntry)).selection()
}

async function readInto(
  selector: Selector,
  entries: AsyncIterable<Uint8Array>,
  size: number,
  onEntry: (count: number) => void,
): Promise<Selector> {
  let count = 0
  for await (const bytes of entries) {
    if (count >= size) break
    selector.read(decodeEntry(bytes))
    onEntry(++count)
  }
  return selector
}

class Selector {
  /** Attempts that nobody named, of outcomes that somebody did. */
  readonly closed: number[] = []
  private readonly question: Question
  private readonly picked = new Set<number>()
  private readonly policies = new Set<string>()
  private readonly grants = new Map<string, { readonly seqs: number[]; session: string | null }>()
  private readonly mints = new Map<string, number[]>()
  private readonly approvals = new Map<string, number[]>()
  /** Mints of what was asked, by the entry that says so. */
  private readonly probes = new Map<number, readonly string[]>()
  /** The newest activation of each policy so far. */
  private readonly activations = new Map<string, number>()
  /** That it has expired or was withdrawn, of each that wasn't put in force again behind it. */
  private readonly ends = new Map<string, number>()
  private readonly boots: number[] = []
  private readonly stops: Entry[] = []
  private readonly cited = {
    grants: new Set<string>(),
    mints: new Set<string>(),
    approvals: new Set<string>(),
  }
  private attempts = 0
  private uncertain = 0
  private firstT = Number.POSITIVE_INFINITY
  private lastT = Number.NEGATIVE_INFINITY

  constructor(question: Question) {
    this.question = question
  }

  read(entry: Entry): void {
    const { seq } = entry
    switch (entry.type) {
      case 'attempt':
        this.readAttempt(entry)
        return
      case 'outcome':
        if (this.picked.has(entry.attempt)) this.pickTold(entry)
        else if (namesSeq(this.question, seq)) this.closed.push(entry.attempt)
        return
      case 'genesis':
      case 'key':
      case 'recover':
        this.picked.add(seq)
        break
      case 'boot':
        this.boots.push(seq)
        break
      case 'policy':
        this.readPolicy(entry)
        break
      case 'erase':
        if (this.picked.has(entry.data.attempt as number)) this.picked.add(seq)
        break
      case 'grant':
        this.readGrant(entry.data.jti as string, entry.data.session, seq)
        break
      case 'mint':
        if (typeof entry.data.id === 'string') append(this.mints, entry.data.id, seq)
        break
      case 'probe':
        this.readProbe(entry)
        break
      case 'approval':
        append(this.approvals, entry.data.id as string, seq)
        break
      case 'halt':
      case 'freeze':
        this.stops.push(entry)
        break
      default:
    }
    if (namesSeq(this.question, seq)) this.picked.add(seq)
  }

  selection(): Selection {
    for (const jti of [...this.cited.grants]) this.pickGrant(jti)
    for (const id of this.cited.mints) this.pickAll(this.mints.get(id))
    for (const id of this.cited.approvals) this.pickAll(this.approvals.get(id))
    for (const stop of this.stopsInForce()) this.picked.add(stop)
    for (const seq of [...this.picked]) this.pickBoot(seq)
    return {
      seqs: [...this.picked].sort((a, b) => a - b),
      attempts: this.attempts,
      policies: [...this.policies].sort(),
      uncertain: this.uncertain,
    }
  }

  private readAttempt(entry: Entry & AttemptBody): void {
    const fit = fitsAttempt(this.question, entry)
    if (fit === 'no') return
    this.attempts++
    if (fit === 'unknown') this.uncertain++
    this.pickTold(entry)
    const { agent, credential, approval, policy, probes = [] } = entry
    this.cited.grants.add(agent.grant)
    if (credential?.mint !== undefined) this.cited.mints.add(credential.mint)
    if (approval !== undefined) this.cited.approvals.add(approval)
    for (const { asked } of probes) {
      if (asked === undefined) continue
      this.picked.add(asked)
      for (const mint of this.probes.get(asked) ?? []) this.cited.mints.add(mint)
    }
    for (const said of [this.activations, this.ends]) {
      const seq = said.get(policy.cid)
      if (seq !== undefined) this.picked.add(seq)
    }
    if (CONTENT_ID.test(policy.cid)) this.policies.add(policy.cid)
  }

  /** What ends a policy is in as well: whatever it lets pass behind that contradicts it. */
  private readPolicy({ seq, data: { action, cid } }: Entry & ControlBody): void {
    if (typeof cid !== 'string') return
    if (action === 'activated') {
      this.activations.set(cid, seq)
      this.ends.delete(cid)
    } else if (action === 'expired' || action === 'withdrawn') this.ends.set(cid, seq)
    if (action !== 'activated' && this.policies.has(cid)) this.picked.add(seq)
  }

  private readProbe({ seq, data }: Entry & ControlBody): void {
    const asked = data.asked as unknown as readonly { readonly mint: string }[]
    this.probes.set(
      seq,
      asked.map(({ mint }) => mint),
    )
  }

  private readGrant(jti: string, session: unknown, seq: number): void {
    const known = this.grants.get(jti) ?? { seqs: [], session: null }
    known.seqs.push(seq)
    if (typeof session === 'string') known.session = session
    this.grants.set(jti, known)
  }

  /** A grant, and the first of its session: that one says who started it. */
  private pickGrant(jti: string): void {
    const grant = this.grants.get(jti)
    this.pickAll(grant?.seqs)
    if (grant?.session != null) this.pickAll(this.grants.get(grant.session)?.seqs)
  }

  /**
   * Halts and freezes while the incident lasted, and those that were in force when it began. Where one of before is
   * named by its number its end is in as well: without it, what passed behind the end would contradict the halt.
   */
  private stopsInForce(): readonly number[] {
    const from = this.question.sinceMs ?? this.firstT
    const to = this.question.untilMs ?? this.lastT
    const before = new Map<string, number>()
    const within: number[] = []
    const named = new Set<string>()
    for (const entry of this.stops) {
      if (entry.t > to) break
      if (entry.t >= from) within.push(entry.seq)
      else if (entry.type === 'halt' || entry.type === 'freeze') {
        const { action, scope, agent, task } = entry.data
        const key = JSON.stringify([entry.type, scope, agent, task])
        if (action === 'halted' || action === 'frozen') {
          before.set(key, entry.seq)
          if (this.picked.has(entry.seq)) named.add(key)
          continue
        }
        before.delete(key)
        if (named.delete(key)) within.push(entry.seq)
      }
    }
    return [...before.values(), ...within]
  }

  /** The start of the keeper that wrote an entry: entries name it, and side keys stand in it. */
  private pickBoot(seq: number): void {
    const boot = this.boots.findLast(start => start <= seq)
    if (boot !== undefined) this.picked.add(boot)
  }

  private pickTold({ seq, t }: Entry): void {
    this.picked.add(seq)
    this.firstT = Math.min(this.firstT, t)
    this.lastT = Math.max(this.lastT, t)
  }

  private pickAll(seqs: readonly number[] | undefined): void {
    for (const seq of seqs ?? []) this.picked.add(seq)
  }
}

function append(map: Map<string, number[]>, key: string, seq: number): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [seq])
  else known.push(seq)
}
