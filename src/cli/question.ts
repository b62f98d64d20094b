import { globMatches } from '../policy/index.js'
import type { OperationClass, Resource } from '../protocol/index.js'
import type { AttemptBody, AttemptOperation, ControlBody, Entry } from '../receipt/index.js'

/**
 * Which attempts somebody asks about. A list that is empty asks nothing; an attempt has to fit every other. What is asked
 * of operations has to fit one and the same operation of a request. In texts `*` stands for any run of letters.
 */
export interface Question {
  readonly agents: readonly string[]
  readonly tasks: readonly string[]
  readonly apis: readonly string[]
  readonly operations: readonly string[]
  readonly classes: readonly OperationClass[]
  /** Ids of resources, with or without their type: `vol-1`, `volume:vol-1`, `volume:*`. */
  readonly resources: readonly string[]
  readonly scopes: readonly (readonly [member: string, value: string])[]
  readonly effects: readonly AttemptBody['decision']['effect'][]
  /** Ids of rules, or codes of decisions where no rule has decided. */
  readonly rules: readonly string[]
  /** Numbers of entries, from and to. Other entries than attempts are taken by their number alone. */
  readonly seqs: readonly (readonly [from: number, to: number])[]
  /** Unix milliseconds, both included. */
  readonly sinceMs: number | null
  readonly untilMs: number | null
}

/** `unknown`: the attempt lists only the beginning of its resources, and the one that was asked for may be among the others. */
export type Fit = 'yes' | 'no' | 'unknown'

export function asksNothing({ sinceMs, untilMs, ...lists }: Question): boolean {
  return Object.values(lists).every(list => list.length === 0) && sinceMs === null && untilMs === null
}

export function fitsAttempt(question: Question, entry: Entry & AttemptBody): Fit {
  const { agent, req, decision } = entry
  const plain =
    fitsText(question.agents, agent.id) &&
    fitsText(question.tasks, agent.task) &&
    fitsText(question.apis, req.api) &&
    (question.effects.length === 0 || question.effects.includes(decision.effect)) &&
    (fitsText(question.rules, decision.rule ?? '') || fitsText(question.rules, decision.code)) &&
    (question.seqs.length === 0 || namesSeq(question, entry.seq)) &&
    isWithin(question, entry.t)
  if (!plain) return 'no'
  if (!asksOfOperations(question)) return 'yes'
  const fits = entry.ops.map(operation => fitsOperation(question, operation))
  return fits.find(fit => fit === 'yes') ?? fits.find(fit => fit === 'unknown') ?? 'no'
}

/**
 * Whether an entry that is no attempt and no outcome belongs to what was asked: of that agent and task, in that time. What
 * only attempts have (operations, decisions) nothing else fits.
 */
export function fitsControl(question: Question, { seq, t, data }: Entry & ControlBody): boolean {
  if (asksOfOperations(question) || question.effects.length > 0 || question.rules.length > 0) return false
  return (
    fitsWho(question, data) &&
    fitsText(question.apis, data.api) &&
    (question.seqs.length === 0 || namesSeq(question, seq)) &&
    isWithin(question, t)
  )
}

/** Whether something is in the hands of the agents, and for the tasks, that were asked about. */
export function fitsWho(
  { agents, tasks }: Pick<Question, 'agents' | 'tasks'>,
  { agent, task }: { readonly agent?: unknown; readonly task?: unknown },
): boolean {
  return fitsText(agents, agent) && fitsText(tasks, task)
}

/** Whether it was at a time that was asked about. */
export function isWithin({ sinceMs, untilMs }: Question, t: number): boolean {
  return t >= (sinceMs ?? t) && t <= (untilMs ?? t)
}

/** Whether an entry of this number was asked for. */
export function namesSeq({ seqs }: Question, seq: number): boolean {
  return seqs.some(([from, to]) => seq >= from && seq <= to)
}

/** True where no attempt at or behind this entry can fit any more: neither times nor numbers of a log decrease. */
export function isBehind({ untilMs, seqs }: Question, { seq, t }: Pick<Entry, 'seq' | 't'>): boolean {
  return (untilMs !== null && t > untilMs) || (seqs.length > 0 && seqs.every(([, to]) => seq > to))
}

function asksOfOperations({ operations, classes, resources, scopes }: Question): boolean {
  return [operations, classes, resources, scopes].some(list => list.length > 0)
}

function fitsOperation(question: Question, { name, classes, resources, scope, more }: AttemptOperation): Fit {
  const plain =
    fitsText(question.operations, name) &&
    (question.classes.length === 0 || classes.some(each => question.classes.includes(each))) &&
    fitsScope(question, scope)
  if (!plain) return 'no'
  if (question.resources.length === 0 || resources.some(each => fitsResource(question, each))) return 'yes'
  return more === undefined ? 'no' : 'unknown'
}

/** Every member that was asked about has one of the values that were asked for. */
function fitsScope({ scopes }: Question, scope: AttemptOperation['scope']): boolean {
  return scopes.every(
    ([member]) =>
      Object.hasOwn(scope, member) &&
      scopes.some(([other, value]) => other === member && globMatches(value, scope[member] as string)),
  )
}

function fitsResource({ resources }: Question, { type, id }: Resource): boolean {
  return resources.some(each => globMatches(each, id) || globMatches(each, `${type}:${id}`))
}

function fitsText(patterns: readonly string[], value: unknown): boolean {
  return (
    patterns.length === 0 || (typeof value === 'string' && patterns.some(each => globMatches(each, value)))
  )
}
