import {
  CountersignError,
  canonicalize,
  decodeEnvelope,
  type JsonObject,
  parseCanonical,
  utf8,
} from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type ApprovalStatement,
  type ApproverGroup,
  hasEnough,
  type OpenCountersignature,
  openCountersignature,
  type Signature,
  statementDigest,
} from '../../policy/index.js'
import type { AttemptBody, ControlBody, Entry, EntryAudit, ReportDeviation } from '../../receipt/index.js'
import type { SealedPolicies } from './sealed-policies.js'

/** Whether people's words about approvals are what a log says they are. */
export interface CountersignaturesChecked {
  /** Signed words that a key of the sealed policy's groups has signed, about the statement that the log shows. */
  readonly proven: number
  /** Those whose policy isn't there, or that are found fault with. */
  readonly unproven: number
}

/** What was signed about one approval so far. */
interface Known {
  readonly groups: readonly ApproverGroup[]
  readonly approvers: readonly string[]
  readonly expires: number
  statement: ApprovalStatement | null
  signed: readonly Signature[]
}

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
  private readonly policies: SealedPolicies
  private readonly known = new Map<string, Known>()
  private readonly counted = { proven: 0, unproven: 0 }

  constructor(policies: SealedPolicies) {
    this.policies = policies
  }

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.type === 'approval') this.approval(entry, report)
    else if (entry.type === 'attempt' && entry.decision.effect === 'allow' && entry.approval !== undefined)
      this.used(entry, report)
  }

  summary(): CountersignaturesChecked {
    return { ...this.counted }
  }

  private approval({ seq, t, data }: Entry & ControlBody, report: ReportDeviation): void {
    const { id, state } = data as { id: string; state: string }
    if (state === 'requested') this.request(id, data, t)
    const known = this.known.get(id)
    if (known === undefined) {
      if (Object.hasOwn(VERDICTS, state)) this.counted.unproven++
      return
    }
    if (Object.hasOwn(VERDICTS, state)) this.word(known, { seq, t, data }, report)
    if (state === 'consumed' && !hasEnough(known.groups, known.approvers, known.signed))
      report('approval_unproven', seq, `not signed by enough of ${known.approvers.join(' and ')}`)
    if (state === 'rejected' || state === 'expired') this.known.delete(id)
  }

  private request(id: string, data: ControlBody['data'], t: number): void {
    for (const [other, { expires }] of this.known) if (expires + FORGOTTEN_MS < t) this.known.delete(other)
    const found = this.policies.find(data.policy as string)
    if (found.kind === 'none') return
    const approvers = (data.approvers ?? []) as readonly string[]
    const groups = approvers.flatMap(name => found.policy.approvers.get(name) ?? [])
    this.known.set(id, { groups, approvers, expires: data.expires as number, statement: null, signed: [] })
  }

  private word(
    known: Known,
    { seq, t, data }: { readonly seq: number; readonly t: number; readonly data: ControlBody['data'] },
    report: ReportDeviation,
  ): void {
    try {
      const opened = openWord(data, known.groups, t)
      known.statement = opened.statement
      const others = known.signed.filter(({ by }) => by !== opened.by)
      known.signed =
        opened.verdict === 'approve'
          ? [...others, { by: opened.by, groups: opened.groups, t: opened.t }]
          : others
      this.counted.proven++
    } catch (error) {
      if (!(error instanceof CountersignError) && !(error instanceof Unproven)) throw error
      this.counted.unproven++
      report('approval_unproven', seq, error instanceof Unproven ? error.message : error.code)
    }
  }

  private used({ seq, approval, ops, req }: Entry & AttemptBody, report: ReportDeviation): void {
    const statement = this.known.get(approval as string)?.statement
    this.known.delete(approval as string)
    if (statement === undefined || statement === null) return
    const other =
      req.api !== statement.api ||
      ops.length !== statement.operations.length ||
      ops.some((operation, index) => {
        const { account: _, ...stated } = statement.operations[
          index
        ] as ApprovalStatement['operations'][number]
        return operation.more === undefined && canonicalize({ ...operation }) !== canonicalize({ ...stated })
      })
    if (other) report('approval_differs', seq, 'its operations are not those that were agreed to')
  }
}

/** The attempt comes right behind the entry that consumes its approval. */
const FORGOTTEN_MS = 3_600_000

class Unproven extends Error {}

function openWord(
  data: ControlBody['data'],
  groups: readonly ApproverGroup[],
  nowMs: number,
): OpenCountersignature {
  if (typeof data.signed !== 'string') throw new Unproven('nothing is signed')
  const envelope = utf8(data.signed)
  const { statement } = parseCanonical(decodeEnvelope(envelope).payload) as unknown as {
    readonly statement: ApprovalStatement
  }
  const opened = openCountersignature(envelope, { statement, groups, crypto: nativeCrypto, nowMs })
  const said = opened.statement as unknown as JsonObject
  for (const name of ['id', 'agent', 'environment', 'task', 'owner', 'policy'])
    if (said[name] !== data[name]) throw new Unproven(`what is signed has another ${name}`)
  if (statementDigest(nativeCrypto, opened.statement) !== data.digest)
    throw new Unproven('what is signed has another digest')
  if (opened.verdict !== VERDICTS[data.state as string])
    throw new Unproven(`what is signed says ${opened.verdict}`)
  if (opened.by !== data.by) throw new Unproven(`it is signed by ${opened.by}`)
  return opened
}
