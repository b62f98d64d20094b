import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../canon/index.js'
import type {
  ActivePolicy,
  Decision,
  DecisionInput,
  LimitWindow,
  PolicyApi,
  ProbeQuestion,
  ProbeResult,
} from '../../policy/index.js'
import {
  anyOf,
  type Catalog,
  leftOpen,
  type Operation,
  type OperationClass,
  type OperationSpec,
  UNMAPPED,
} from '../../protocol/index.js'
import { type AttemptOperation, type DecisionInputs, idTime } from '../../receipt/index.js'
import type { RecordedAttempt } from './recorded-attempts.js'

/** What a policy makes of a recorded attempt, or why that can't be told. */
export type Redecided =
  | { readonly kind: 'decided'; readonly decision: Redecision; readonly operations: readonly Operation[] }
  | { readonly kind: 'unknown'; readonly why: string }

export type Redecision = Pick<Decision, 'effect' | 'code' | 'rule' | 'approvers' | 'reservations'> | Refusal

/** The keeper would refuse it before it asks a rule. */
interface Refusal {
  readonly effect: 'deny'
  readonly code: 'agent_unknown' | 'agent_environment' | 'agent_identity' | 'unknown_api'
  readonly rule: null
  readonly approvers: readonly []
  readonly reservations: readonly []
}

export type Usage = (limit: LimitWindow) => number

/**
 * Decides a recorded attempt again, as it would have been decided then under this policy. With its inputs the
 * operations are described anew by this policy's own catalogs; from the receipt alone only what doesn't depend on
 * arguments, on the grant's narrowing or on another account is answered.
 */
export function redecide(policy: ActivePolicy, attempt: RecordedAttempt, usage: Usage): Redecided {
  const refusal = refusalOf(policy, attempt)
  if (refusal !== null) {
    const decision = { effect: 'deny', code: refusal, rule: null, approvers: [], reservations: [] } as const
    return { kind: 'decided', decision, operations: [] }
  }
  const api = policy.apis.get(attempt.entry.req.api) as PolicyApi
  return attempt.known.kind === 'inputs'
    ? fromInputs(policy, api, attempt.known.inputs, attempt, usage)
    : fromReceipt(policy, api, attempt, attempt.known.why, usage)
}

/** The recorded operations one by one, for whoever asks about each: an attempt of its own each. */
export function singly(attempt: RecordedAttempt): readonly RecordedAttempt[] {
  return attempt.entry.ops.map((operation, index) => ({
    ...attempt,
    entry: { ...attempt.entry, ops: [operation] },
    known:
      attempt.known.kind === 'inputs'
        ? { ...attempt.known, inputs: withOperation(attempt.known.inputs, index) }
        : attempt.known,
  }))
}

function withOperation(inputs: DecisionInputs, index: number): DecisionInputs {
  return { ...inputs, operations: inputs.operations.slice(index, index + 1) }
}

function refusalOf(policy: ActivePolicy, { entry }: RecordedAttempt): Refusal['code'] | null {
  const agent = policy.agents.get(entry.agent.id)
  if (agent === undefined) return 'agent_unknown'
  if (agent.environment !== entry.agent.environment) return 'agent_environment'
  // The receipt doesn't say how the agent identified itself; only where it could by a grant alone does this say something.
  const refused = entry.decision.code === 'agent_identity'
  if (refused && !agent.identities.some(({ kind }) => kind === 'grant')) return 'agent_identity'
  return policy.apis.has(entry.req.api) ? null : 'unknown_api'
}

function fromInputs(
  policy: ActivePolicy,
  api: PolicyApi,
  inputs: DecisionInputs,
  attempt: RecordedAttempt,
  usage: Usage,
): Redecided {
  const operations = inputs.operations.map(each => describedAgain(api, each as unknown as Operation))
  const input: DecisionInput = {
    ...inputBase(attempt, usage),
    authorizationDetails: inputs.authorization,
    request: { api: inputs.api, method: inputs.method, target: inputs.target },
    operations,
    nowMs: inputs.now,
    lastEntryMs: inputs.last,
    probe: inputs.probe,
  }
  if (policy.questions(input).some(question => !wasAsked(question, inputs.probe)))
    return { kind: 'unknown', why: 'what the API would have answered, which nobody asked' }
  const decision = policy.decide(input)
  return { kind: 'decided', decision, operations }
}

function wasAsked({ probe, type, id }: ProbeQuestion, results: readonly ProbeResult[] | null): boolean {
  return results?.some(each => each.probe === probe && each.type === type && each.id === id) ?? false
}

/** Name and arguments by this policy's catalog; that the payload was not understood is remembered, since its bytes are gone. */
export function describedAgain(api: PolicyApi, recorded: Operation): Operation {
  const { name, args, account, scope, classes, baseClasses } = recorded
  const opaque = classes.includes('opaque') && !baseClasses.includes('opaque')
  return api.catalog.describe(api.name, {
    name,
    args,
    ...(account === undefined ? {} : { account }),
    ...(typeof scope.region === 'string' ? { region: scope.region } : {}),
    ...(opaque ? { opaque: 'recorded' } : {}),
  })
}

function inputBase({ entry }: Pick<RecordedAttempt, 'entry'>, usage: Usage) {
  const { id, environment, task, owner } = entry.agent
  return { agent: { id, environment, task, owner }, usage }
}

/** Decides from the receipt alone what doesn't depend on arguments, on the grant's narrowing or on another account. */
export function fromReceipt(
  policy: ActivePolicy,
  api: PolicyApi,
  attempt: Pick<RecordedAttempt, 'entry'>,
  why: string,
  usage: Usage,
): Redecided {
  const { entry } = attempt
  if (entry.ops.some(({ more }) => more !== undefined))
    return { kind: 'unknown', why: 'the operations were too many to be written in the receipt' }
  if (entry.decision.code === 'outside_grant')
    return { kind: 'unknown', why: `how narrow the grant was: ${why}` }
  const operations = entry.ops.map(operation => inClear(api, operation))
  const input: DecisionInput = {
    ...inputBase(attempt, usage),
    authorizationDetails: null,
    request: { api: entry.req.api, method: entry.req.method, target: '' },
    operations,
    nowMs: idTime(entry.id, entry.t),
    lastEntryMs: 0,
    probe: null,
  }
  const otherNames = operations.map(each => underAnyName(api.catalog, each))
  const open = operations.map(each => leavingOpen(api, each))
  const readings = [operations, otherNames, open]
  if (readings.some(as => needsArguments(policy, { ...input, operations: as })))
    return { kind: 'unknown', why }
  const deciding = (as: readonly Operation[]): Decision => policy.decide({ ...input, operations: as })
  const decision = deciding(operations)
  // Whatever is decided has to be the same: a limit that counts fewer operations decides by another rule.
  const isSame = (as: readonly Operation[]): boolean => isDeepStrictEqual(decision, deciding(as))
  if (!isSame(otherNames)) return { kind: 'unknown', why: `by which other names the resources go: ${why}` }
  if (!isSame(open)) return { kind: 'unknown', why: `what the request left open: ${why}` }
  if (!readings.every(as => isSame(as.map(withAccount))))
    return { kind: 'unknown', why: `whether another account was named: ${why}` }
  return { kind: 'decided', decision, operations }
}

/** What a receipt shows of an operation; the catalog adds its classes, so that one that grew more severe counts as that. */
export function inClear(api: PolicyApi, { name, classes, scope, resources }: AttemptOperation): Operation {
  const spec = specOf(api.catalog, name)
  const base: readonly OperationClass[] = spec?.classes ?? ['unknown']
  return {
    api: api.name,
    name,
    baseClasses: base,
    classes: spec === undefined ? base : [...new Set([...base, ...classes])].sort(),
    scope,
    resources,
    args: {} as JsonObject,
    effects: spec?.effects ?? [],
  }
}

const specs = new WeakMap<Catalog, ReadonlyMap<string, OperationSpec>>()

/** What a catalog says of an operation by name; found in constant time after the first question. */
function specOf(catalog: Catalog, name: string): OperationSpec | undefined {
  const known = specs.get(catalog) ?? new Map(catalog.operations().map(spec => [spec.name, spec]))
  specs.set(catalog, known)
  return known.get(name)
}

function withAccount(operation: Operation): Operation {
  const { account } = operation.scope
  return account === undefined ? operation : { ...operation, account }
}

/**
 * ATTACK: a role behind a path, a key behind an alias, past a deny that names it; an alias, told to have been denied, that a
 * hold of all keys let pass. A receipt has the ids alone. As one that names nothing the operation is reached by every
 * hold and deny that asks for resources, and by no allow that does.
 */
function underAnyName(catalog: Catalog, operation: Operation): Operation {
  return catalog.hasOtherNames?.(operation) === true ? { ...operation, resources: [] } : operation
}

/** A receipt shows what a request named, and not what it left open besides: with all that it may have been. */
function leavingOpen(api: PolicyApi, operation: Operation): Operation {
  if (api.catalog.hasOtherNames?.(operation) === false) return operation
  const { resources: types = [], aliased = [] } = specOf(api.catalog, operation.name) ?? {}
  const open = [...leftOpen(types, operation.resources), ...aliased.map(anyOf)]
  const unmapped = types.includes(UNMAPPED) ? [{ type: UNMAPPED, id: 'anything' }] : []
  return { ...operation, spellings: [...open, ...unmapped] }
}

/**
 * A rule that fits asks for arguments, and no deny settles the matter without them: of those that could match the one that
 * a receipt would name, which has the smallest id.
 */
function needsArguments(policy: ActivePolicy, input: DecisionInput): boolean {
  const fitting = policy.fitting(input)
  const [first] = fitting
    .filter(({ effect }) => effect === 'deny')
    .sort((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0))
  if (first !== undefined && first.when === null) return false
  return fitting.some(({ when, probe, sums }) => when !== null || probe !== null || sums)
}
