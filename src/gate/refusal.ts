import type { BudgetReading, ReceiptAnchor, Verdict } from '../link/index.js'
import { budgetWords } from './budget-headers.js'
import { DECISION_PHRASES, entryOf } from './verdict-codes.js'
import { oneLine, plainPair, plainWord } from './words.js'

/** Whether the upstream may have acted: the first thing an agent needs to know. `partial`: it never had the whole request. */
export type Executed = 'nothing' | 'partial' | 'maybe' | 'yes'

/** Why the agent gets no answer of the upstream's, in one dialect or another. */
export interface Refusal {
  readonly effect: 'deny' | 'hold' | 'fault'
  readonly code: string
  readonly executed: Executed
  /** HTTP status outside GraphQL (DESIGN: what the agent sees). */
  readonly status: number
  /** One line, under 500 characters. */
  readonly message: string
  readonly rule: string | null
  /** Id of the approval that was asked for. */
  readonly approval: string | null
  /** Whole seconds; null where waiting doesn't help or takes longer than a minute. */
  readonly retryAfterSeconds: number | null
  readonly receipt: ReceiptAnchor | null
  /** Limits that the request counts under. */
  readonly budgets: readonly BudgetReading[]
}

type RefuseVerdict = Extract<Verdict, { kind: 'refuse' }>

const MAX_MESSAGE_CHARACTERS = 500
const MAX_RETRY_MS = 60_000

/** The keeper's refusal, in words. */
export function refusalOfVerdict(verdict: RefuseVerdict, receipt: ReceiptAnchor | null): Refusal {
  const soon = verdict.retryAfterMs !== null && verdict.retryAfterMs <= MAX_RETRY_MS
  const status = entryOf(verdict.code).status ?? 403
  return {
    effect: status >= 500 ? 'fault' : verdict.effect,
    code: plainWord(verdict.code, 64),
    executed: 'nothing',
    // SDKs repeat a 429 by themselves, so it is said only where repeating helps.
    status: verdict.code === 'over_limit' && soon ? 429 : status,
    message: messageOfVerdict(verdict, status, receipt),
    rule: verdict.rule === null ? null : plainWord(verdict.rule, 64),
    approval: verdict.approval === null ? null : plainWord(verdict.approval, 64),
    retryAfterSeconds: soon ? Math.max(1, Math.ceil((verdict.retryAfterMs as number) / 1000)) : null,
    receipt,
    budgets: verdict.budgets,
  }
}

/** What a halt broke off. */
export function refusalOfHalt(
  because: string | null,
  executed: Executed,
  receipt: ReceiptAnchor | null,
): Refusal {
  const { status, sentence, mend } = entryOf('agent_halted')
  const opening =
    executed === 'nothing'
      ? 'REFUSED, nothing was executed.'
      : 'BROKEN OFF by a halt, the operation may have been executed.'
  return {
    ...refusalOfFault('agent_halted', executed, receipt),
    effect: 'deny',
    status: status ?? 403,
    message: `${opening} ${sentence}${theirReason(because, opening, sentence, mend)} ${mend}${receiptNote(receipt)}`,
  }
}

/** A request that waited for people until there was nothing left to wait for. */
export function refusalOfEnded(receipt: ReceiptAnchor | null): Refusal {
  const { status, sentence, mend } = entryOf('approval_ended')
  return {
    ...refusalOfFault('approval_ended', 'nothing', receipt),
    effect: 'hold',
    status: status ?? 403,
    message: `HELD, nothing was executed. ${sentence} ${mend}${receiptNote(receipt)}`,
  }
}

/** A fault on the way to the keeper or to the upstream, in words. */
export function refusalOfFault(code: string, executed: Executed, receipt: ReceiptAnchor | null): Refusal {
  const entry = entryOf(code)
  return {
    effect: 'fault',
    code: plainWord(code, 64),
    executed,
    status: entry.status ?? 500,
    message: `${FAULT_VERDICTS[executed]} ${entry.sentence} ${entry.mend}${receiptNote(receipt)}`,
    rule: null,
    approval: null,
    retryAfterSeconds: null,
    receipt,
    budgets: [],
  }
}

const FAULT_VERDICTS: Readonly<Record<Executed, string>> = {
  nothing: 'UNAVAILABLE, nothing was executed.',
  partial: 'BROKEN OFF, the upstream never had the whole request.',
  maybe: 'FAILED at the upstream, the operation may have been executed.',
  yes: 'FAILED on the way back, the operation was executed.',
}

function messageOfVerdict(verdict: RefuseVerdict, status: number, receipt: ReceiptAnchor | null): string {
  if (verdict.effect === 'hold') return heldMessage(verdict, receipt)
  if (Object.hasOwn(DECISION_PHRASES, verdict.code)) return deniedMessage(verdict, receipt)
  const entry = entryOf(verdict.code)
  const opening = status >= 500 ? FAULT_VERDICTS.nothing : 'REFUSED, nothing was executed.'
  const reason = theirReason(verdict.because, opening, entry.sentence, entry.mend)
  return `${opening} ${entry.sentence}${reason} ${entry.mend}${receiptNote(receipt)}`
}

/** Of what no rule decided, only a person gives a reason; it has the room that the other words leave. */
function theirReason(because: string | null, ...words: readonly string[]): string {
  const room = words.reduce((left, { length }) => left - length, MAX_MESSAGE_CHARACTERS - 40)
  return because === null ? '' : ` Their reason: “${oneLine(because, room)}”.`
}

function heldMessage(verdict: RefuseVerdict, receipt: ReceiptAnchor | null): string {
  const id = verdict.approval === null ? '' : ` under approval ${plainWord(verdict.approval, 64)}`
  return withBecause(
    resource =>
      `HELD, nothing was executed. ${subject(verdict, resource)} needs a person’s approval for ${agent(verdict)}`,
    verdict,
    `. It was asked for${id}. Wait until your operator says it is approved, then repeat exactly the same call; a changed call needs a new approval.${budgetWords(verdict.budgets, verdict.rule)}${receiptNote(receipt)}`,
  )
}

function deniedMessage(verdict: RefuseVerdict, receipt: ReceiptAnchor | null): string {
  return withBecause(
    resource =>
      `DENIED by policy, nothing was executed. ${subject(verdict, resource)} ${DECISION_PHRASES[verdict.code]} for ${agent(verdict)}`,
    verdict,
    `. This is a decision, not a fault: another endpoint, wording or credential will be refused and recorded. Stop this step and tell your operator what you were trying to fix.${budgetWords(verdict.budgets, verdict.rule)}${receiptNote(receipt)}`,
  )
}

function subject(verdict: RefuseVerdict, resource: string): string {
  if (verdict.operation === '') return 'This request'
  const operation = plainPair(verdict.operation, 60)
  return resource === '' ? operation : `${operation} on ${resource}`
}

function agent(verdict: RefuseVerdict): string {
  return verdict.agent === '' ? 'this agent' : `agent ${plainWord(verdict.agent, 32)}`
}

/** What an id has in any case, and at most. */
const RESOURCE_ROOM = { least: 56, most: 160 }
/** So much of a reason is left where an id is long. */
const REASON_ROOM = 40

/** Resource, rule and reason between fixed texts: where the line would grow too long the reason gives way first, and then the id. */
function withBecause(
  before: (resource: string) => string,
  { rule, because, resource }: RefuseVerdict,
  after: string,
): string {
  const name = rule === null ? '' : plainWord(rule, 40)
  const ruleWords = rule === null ? 0 : name.length + 5
  const left = MAX_MESSAGE_CHARACTERS - before('').length - ' on '.length - after.length - ruleWords
  const wanted = rule === null ? 0 : Math.min(because?.length ?? 0, REASON_ROOM)
  const { least, most } = RESOURCE_ROOM
  const about = plainPair(resource, Math.min(most, Math.max(least, left - wanted)))
  if (rule === null) return before(about) + after
  const room = left - about.length
  const reason = because === null || room < 12 ? '' : `: ${oneLine(because, room).replace(/\.$/, '')}`
  return `${before(about)} (${name}${reason})${after}`
}

function receiptNote(receipt: ReceiptAnchor | null): string {
  return receipt === null ? '' : ` Receipt ${receipt.seq}.`
}
