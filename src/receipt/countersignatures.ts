import {
  CountersignError,
  type Crypto,
  canonicalize,
  type JsonObject,
  parseCanonical,
  utf8,
} from '../canon/index.js'
import {
  type ApprovalStatement,
  type ApproverGroup,
  decodeCountersignature,
  hasCountedOn,
  hasEnough,
  isLater,
  type OpenCountersignature,
  openCountersignature,
  type PasskeyTouch,
  passkeyKeyId,
  publicKeyOf,
  type Signature,
  statementDigest,
} from '../policy/index.js'
import type { AttemptBody, AttemptOperation, ControlBody, Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'
import { idTime, UNDER_WAY_MS } from './placed-attempt.js'

/** Approver groups of a sealed policy by name; null where the policy is not at hand, or not sealed as it should be. */
export type GroupsOf = (policyCid: string) => ReadonlyMap<string, ApproverGroup> | null

/** Revoked keys as `ed25519:…`, and since when they are not believed, Unix milliseconds; −∞ where nobody said. */
export type RevokedKeys = ReadonlyMap<string, number>

/** Whether people's words about approvals are what a log says they are. */
export interface CountersignaturesChecked {
  /** Signed words that a key of the sealed policy's groups has signed, about the statement that the log shows. */
  readonly proven: number
  /** Those among them for which a person touched a passkey. */
  readonly touched: number
  /** Those among the proven ones by a key that was revoked and of which nobody said since when: whoever stole it may have signed them. */
  readonly doubted: number
  /** Those whose policy isn't there, or that are found fault with. */
  readonly unproven: number
}

type Checks = Pick<Crypto, 'sha256' | 'verify' | 'verifyP256'>

/** What was signed about one approval so far. */
interface Known {
  readonly groups: readonly ApproverGroup[]
  readonly approvers: readonly string[]
  readonly expires: number
  statement: ApprovalStatement | null
  /** By an entry that was held against what is signed. */
  consumed: boolean
  signed: readonly Signature[]
  /** When each person last signed a word about it, Unix milliseconds. */
  readonly heard: Map<string, number>
}

const FORGET_AT = 1_024

type Word = Extract<OpenCountersignature['verdict'], string>
const VERDICTS: Readonly<Record<string, Word>> = {
  approved: 'approve',
  withdrawn: 'withdraw',
  rejected: 'reject',
}

/**
 * Holds approvals against the sealed policies that name who may give them: each word is signed by such a key, about
 * this statement, not by the person that the agent acts for; there were enough of them when it was used; and the
 * attempt that used it does what the statement says.
 */
export class CountersignatureAudit implements EntryAudit {
  private readonly crypto: Checks
  private readonly groupsOf: GroupsOf
  private readonly revoked: RevokedKeys
  private readonly known = new Map<string, Known>()
  /** So many are known when those that have expired are looked for. */
  private forgetAt = FORGET_AT
  private readonly counted = { proven: 0, touched: 0, doubted: 0, unproven: 0 }
  /** How often each passkey has signed, by the thumbprint of its key. */
  private readonly counters = new Map<string, number>()

  /** `revoked`: by the newest version of the trust root that the verifier has. */
  constructor(crypto: Checks, groupsOf: GroupsOf, revoked: RevokedKeys) {
    this.crypto = crypto
    this.groupsOf = groupsOf
    this.revoked = revoked
  }

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.type === 'approval') this.approval(entry, report)
    else if (entry.type === 'attempt' && entry.decision.effect === 'allow' && entry.approval !== undefined)
      this.used(entry, report)
  }

  summary(): CountersignaturesChecked {
    return { ...this.counted }
  }

  private approval(entry: Entry & ControlBody, report: ReportDeviation): void {
    const { seq, data } = entry
    const { id, state } = data as { id: string; state: string }
    if (state === 'requested') this.request(id, entry, report)
    const known = this.known.get(id)
    if (known === undefined) {
      if (Object.hasOwn(VERDICTS, state)) this.counted.unproven++
      return
    }
    if (Object.hasOwn(VERDICTS, state)) this.word(known, entry, report)
    if (state === 'consumed') this.consume(known, seq, report)
    if (state === 'rejected' || state === 'expired' || state === 'voided') this.known.delete(id)
  }

  private request(id: string, { seq, t, data }: Entry & ControlBody, report: ReportDeviation): void {
    this.forget(t)
    const named = this.groupsOf(data.policy as string)
    if (named === null) return
    const approvers = (data.approvers ?? []) as readonly string[]
    const groups = approvers.flatMap(name => named.get(name) ?? [])
    const expires = data.expires as number
    this.known.set(id, {
      groups,
      approvers,
      expires,
      statement: null,
      consumed: false,
      signed: [],
      heard: new Map(),
    })
    // ATTACK: what people agreed to for half an hour is used next year.
    const longest = Math.min(...groups.map(({ expiresSeconds }) => expiresSeconds)) * 1_000
    if (expires > idTime(id, t) + longest)
      report('approval_unproven', seq, `the policy lets it wait for ${longest / 1_000} seconds`)
  }

  /** ATTACK: a hundred thousand approvals that wait for years, all gone through at each. */
  private forget(t: number): void {
    if (this.known.size < this.forgetAt) return
    for (const [id, { expires }] of this.known) if (expires + UNDER_WAY_MS < t) this.known.delete(id)
    this.forgetAt = Math.max(FORGET_AT, 2 * this.known.size)
  }

  private word(known: Known, entry: Entry & ControlBody, report: ReportDeviation): void {
    try {
      const opened = this.openWord(entry, known)
      known.statement = opened.statement
      known.heard.set(opened.by, opened.t)
      const others = known.signed.filter(({ by }) => by !== opened.by)
      known.signed =
        opened.verdict === 'approve'
          ? [...others, { by: opened.by, groups: opened.groups, t: opened.t }]
          : others
      this.counted.proven++
      if (opened.touch !== null) this.counted.touched++
      if (this.revokedOf(opened, known) === Number.NEGATIVE_INFINITY) this.counted.doubted++
    } catch (error) {
      if (!(error instanceof CountersignError) && !(error instanceof Unproven)) throw error
      this.counted.unproven++
      report('approval_unproven', entry.seq, error instanceof Unproven ? error.message : error.code)
    }
  }

  private openWord({ t, chain, data }: Entry & ControlBody, known: Known): OpenCountersignature {
    if (typeof data.signed !== 'string') throw new Unproven('nothing is signed')
    const envelope = utf8(data.signed)
    const { statement } = parseCanonical(decodeCountersignature(envelope).payload) as unknown as {
      readonly statement: ApprovalStatement
    }
    const { crypto } = this
    const opened = openCountersignature(envelope, { statement, groups: known.groups, crypto, nowMs: t })
    const said = opened.statement as unknown as JsonObject
    // ATTACK: the same people, policy and agent at another sidecar.
    if (!chain.startsWith(`${said.origin}/`)) throw new Unproven(`what is signed is for ${said.origin}`)
    for (const name of ['id', 'agent', 'environment', 'task', 'owner', 'policy'])
      if (said[name] !== data[name]) throw new Unproven(`what is signed has another ${name}`)
    if (statementDigest(crypto, opened.statement) !== data.digest)
      throw new Unproven('what is signed has another digest')
    if (opened.verdict !== VERDICTS[data.state as string])
      throw new Unproven(`what is signed says ${opened.verdict}`)
    if (opened.by !== data.by) throw new Unproven(`it is signed by ${opened.by}`)
    if (!isLater(opened, known.heard.get(opened.by)))
      throw new Unproven(`${opened.by} has signed a later word`)
    this.refuseRevoked(opened, known, t)
    if (opened.touch !== null) this.count(opened.touch)
    return opened
  }

  /**
   * ATTACK: a key that was stolen from an approver goes on to approve, under a policy that still names it. The time is
   * that of the entry, not the signed one, which the thief chose. A revocation that names no time judges nothing: it
   * would make honest words of years ago unsound; they are counted as doubted.
   */
  private refuseRevoked(opened: OpenCountersignature, known: Known, ms: number): void {
    const since = this.revokedOf(opened, known)
    if (since !== null && Number.isFinite(since) && ms >= since)
      throw new Unproven(`the key of ${opened.by} was revoked since ${new Date(since).toISOString()}`)
  }

  /** Since when the key that signed is not believed; null where it is. A passkey on P-256 is taken out of the policy instead. */
  private revokedOf({ by, groups }: OpenCountersignature, known: Known): number | null {
    const key = known.groups.find(({ name }) => groups.includes(name))?.keys[by]
    return key === undefined ? null : (this.revoked.get(publicKeyOf(key)) ?? null)
  }

  /** ATTACK: a copy of a passkey. It doesn't know how often the other one has signed meanwhile. */
  private count({ passkey, counter }: PasskeyTouch): void {
    const keyid = passkeyKeyId(passkey)
    if (!hasCountedOn(counter, this.counters.get(keyid))) throw new Unproven('the passkey has counted back')
    this.counters.set(keyid, counter)
  }

  private used({ seq, approval, ops, req }: Entry & AttemptBody, report: ReportDeviation): void {
    const known = this.known.get(approval as string)
    this.known.delete(approval as string)
    if (known === undefined) return
    // The entry that consumes it may follow, and in a part of a log may be left out.
    if (!known.consumed) this.consume(known, seq, report)
    const { statement } = known
    if (statement === null) return
    if (
      req.api !== statement.api ||
      ops.length !== statement.operations.length ||
      ops.some((operation, index) => !isStated(operation, statement.operations[index] as Stated))
    )
      report('approval_differs', seq, 'its operations are not those that were agreed to')
  }

  private consume(known: Known, seq: number, report: ReportDeviation): void {
    known.consumed = true
    if (!hasEnough(known.groups, known.approvers, known.signed))
      report('approval_unproven', seq, `not signed by enough of ${known.approvers.join(' and ')}`)
  }
}

type Stated = ApprovalStatement['operations'][number]

/** An abridged operation shows its name's beginning, its classes and how many resources it has; the rest is committed to. */
function isStated({ more, ...listed }: AttemptOperation, { account: _, ...stated }: Stated): boolean {
  if (more === undefined) return canonicalize({ ...listed }) === canonicalize({ ...stated })
  return (
    stated.name.startsWith(listed.name) &&
    canonicalize([...listed.classes]) === canonicalize([...stated.classes]) &&
    more.count === stated.resources.length
  )
}

class Unproven extends Error {}
