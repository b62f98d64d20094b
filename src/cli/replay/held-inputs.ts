import { canonicalize, fromHex, type JsonObject, utf8 } from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import type { ActivePolicy, PolicyApi, ProbeResult } from '../../policy/index.js'
import { isUnclassifiable, type Operation } from '../../protocol/index.js'
import {
  type AttemptBody,
  type AttemptOperation,
  commitment,
  type Entry,
  UNDER_WAY_MS,
} from '../../receipt/index.js'
import type { Known } from './recorded-inputs.js'
import { describedAgain } from './redecide.js'

type OpenInputs = Extract<Known, { kind: 'inputs' }>
type Attempt = Entry & AttemptBody

/** A target from so many characters on may have been cut in the inputs; its commitment covers all of it. */
const WHOLE_TARGET = 8_192
/** A clock may be set by so much while an upstream is asked. */
const CLOCK_SET_MS = 5_000

/**
 * Where the decision inputs depart from the receipt whose commitment they open: another request, agent or time;
 * undefined where they don't. The inputs were opened before, so this catches a keeper that wrote two stories.
 */
export function otherRequest(entry: Attempt, { inputs, secret }: OpenInputs): string | undefined {
  const { agent, req, policy, id } = entry
  const commits = (field: 'target' | 'body', value: Uint8Array) =>
    commitment(nativeCrypto, secret, field, value)
  if (inputs.policy !== policy.cid) return 'the policy'
  if (req.api !== '' && inputs.api !== req.api) return 'the API'
  if (inputs.method !== req.method) return 'the method'
  if (inputs.target.length < WHOLE_TARGET && commits('target', utf8(inputs.target)) !== req.target_c)
    return 'the target'
  const body = inputs.body === null ? undefined : fromHex(inputs.body)
  if ((body === undefined ? undefined : commits('body', body)) !== req.body_c) return 'the body'
  const { facts: _, ...who } = inputs.agent
  const { grant, ...named } = agent
  if (canonicalize(who) !== canonicalize(grant === '' ? {} : named)) return 'the agent'
  if (id[14] === '7' && !isDecidedAt(inputs.now, entry)) return 'the time'
  return undefined
}

/**
 * When the request came, as its id says; what the upstream was asked about is decided when that has answered. ATTACK: an id
 * from an hour at which the policy, or what was left of a limit, still let it pass.
 */
function isDecidedAt(nowMs: number, { id, t, probes, decision }: Attempt): boolean {
  const cameMs = timeOf(id)
  if (decision.effect === 'allow' && nowMs < t - UNDER_WAY_MS) return false
  if (probes === undefined) return nowMs % 2 ** 48 === cameMs
  return cameMs - CLOCK_SET_MS <= nowMs && nowMs <= t + CLOCK_SET_MS
}

function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16) * 65_536 + Number.parseInt(id.slice(9, 13), 16)
}

/** The first operation of the receipt that is not that of the inputs; undefined where all are. */
export function otherOperation(entry: Attempt, { inputs, secret }: OpenInputs): string | undefined {
  if (entry.ops.length !== inputs.operations.length)
    return `${entry.ops.length} in the receipt, ${inputs.operations.length} in the inputs`
  const index = entry.ops.findIndex((listed, place) => {
    const operation = inputs.operations[place] as JsonObject
    return listed.more === undefined
      ? canonicalize(listed) !== canonicalize(inClear(operation))
      : !isAbridged(
          listed,
          listed.more,
          operation,
          commitment(nativeCrypto, secret, `ops.${place}`, utf8(canonicalize(operation))),
        )
  })
  return index < 0 ? undefined : `number ${index + 1}`
}

function inClear({ name, classes, scope, resources }: JsonObject): JsonObject {
  const listed = resources as unknown as readonly { readonly type: string; readonly id: string }[]
  return { name, classes, scope, resources: listed.map(({ type, id }) => ({ type, id })) } as JsonObject
}

function isAbridged(
  listed: AttemptOperation,
  more: NonNullable<AttemptOperation['more']>,
  { name, classes, resources }: JsonObject,
  commits: string,
): boolean {
  return (
    more.all_c === commits &&
    more.count === (resources as unknown as readonly unknown[]).length &&
    canonicalize(listed.classes) === canonicalize(classes) &&
    (name as string).startsWith(listed.name)
  )
}

/**
 * The first operation that the pinned catalog describes otherwise from its recorded name and arguments, or that the recorded
 * method and target don't ask for; undefined where there is none.
 */
export function otherwiseDescribed(
  entry: Attempt,
  { inputs }: OpenInputs,
  api: PolicyApi,
): string | undefined {
  const recorded = inputs.operations as unknown as readonly Operation[]
  const index = recorded.findIndex(operation => differs(describedAgain(api, operation), operation))
  if (index >= 0) return `the catalog describes number ${index + 1} otherwise`
  const names = namesByTarget(entry, inputs.target, api)
  return names === undefined || names === recorded.map(({ name }) => name).join()
    ? undefined
    : 'method and target ask for another'
}

function differs(now: Operation, then: Operation): boolean {
  const { name, baseClasses, classes, scope, effects } = now
  return (
    name !== then.name ||
    canonicalize([baseClasses, classes, scope, effects]) !==
      canonicalize([then.baseClasses, then.classes, then.scope, then.effects]) ||
    canonicalize(now.resources) !== canonicalize(then.resources) ||
    now.account !== then.account
  )
}

/** Where method and target alone name the operation, as a REST route does; undefined elsewhere. */
function namesByTarget({ req }: Attempt, raw: string, { catalog }: PolicyApi): string | undefined {
  if (!catalog.classifier.startsWith('rest/') || raw.length >= WHOLE_TARGET) return undefined
  const target = catalog.parseTarget(raw)
  if (isUnclassifiable(target)) return undefined
  const found = catalog.recognise({ method: req.method, target, headers: [], body: { kind: 'none' } })
  return found.kind === 'operations' ? found.operations.map(({ name }) => name).join() : undefined
}

/** The first question to the upstream of which receipt and inputs say different things; undefined where there is none. */
export function otherProbe({ ops, probes }: Attempt, { inputs, secret }: OpenInputs): string | undefined {
  const told = inputs.probe ?? []
  if ((probes ?? []).length !== told.length || (probes === undefined) !== (inputs.probe === null))
    return `${probes?.length ?? 0} questions in the receipt, ${told.length} in the inputs`
  const index = (probes ?? []).findIndex(({ probe, op, resource, status, facts_c }, place) => {
    const result = told[place] as ProbeResult
    const about = inputs.operations[op] as unknown as Pick<Operation, 'resources'> | undefined
    const subject = about?.resources[resource]
    const facts =
      result.facts === null
        ? undefined
        : commitment(nativeCrypto, secret, `probes.${place}`, utf8(canonicalize(result.facts)))
    return (
      ops[op] === undefined ||
      result.probe !== probe ||
      result.type !== subject?.type ||
      result.id !== subject.id ||
      result.status !== status ||
      facts !== facts_c
    )
  })
  return index < 0 ? undefined : `question ${index + 1}`
}

/** The agent's facts in the inputs are those of the policy. */
export function hasOtherFacts({ agent }: OpenInputs['inputs'], policy: ActivePolicy): boolean {
  const facts = policy.agents.get(String(agent.id))?.facts ?? {}
  return agent.id !== undefined && canonicalize(agent.facts ?? {}) !== canonicalize(facts)
}
