import type { Crypto } from '../canon/index.js'
import type { AwsGrantKeys, Grant, GrantVerdict } from '../credential/index.js'
import type { Decision, DecisionInput, LimitWindow, PolicyApi, ProbeQuestion } from '../policy/index.js'
import { isReading, isUnclassifiable, type Operation } from '../protocol/index.js'
import type { Approval } from './approval.js'
import type { ApprovalRequest, Approvals } from './approvals.js'
import { type Case, resultsOf } from './attempt-entry.js'
import type { Counters } from './counters.js'
import { EVIDENCE_RETRY_MS, evidenceRefusal } from './evidence-bound.js'
import { mayIdentify } from './pod-grants.js'
import type { EvidenceFollowers } from './ports.js'
import type { RefusalRate } from './refusal-rate.js'
import { type VerifiedSignature, verifySignature } from './signature.js'
import { isRepeatable, type SpentSignatures } from './spent-signatures.js'
import type { Stops } from './stops.js'

/** More operations than this in one request are refused: each is decided and written in the receipt. */
export const MAX_OPERATIONS = 128
/** The grant was refused too often; like a stranger's, such a refusal may be counted instead of recorded. */
export const FLOOD = 'grant_rate_limited'
/** A refusal that no rule of the policy made. */
export const UNDECIDED = { rule: null, because: null, decisive: 0, resource: 0, retryAfterMs: null }

/** What the checks made of a request, before anything was reserved, minted or written; `c` is the case as far as they got. */
export type Ruling =
  | { readonly kind: 'deny'; readonly c: Case; readonly denial: Denial }
  /** The policy wants to know something first. */
  | {
      readonly kind: 'ask'
      readonly c: Case
      readonly route: Route
      readonly questions: readonly ProbeQuestion[]
    }
  | { readonly kind: 'hold'; readonly c: Case; readonly decision: Told; readonly asked: Pending }
  | {
      readonly kind: 'allow'
      readonly c: Case
      readonly decision: Decision
      readonly route: Route
      /** What people have agreed to, where the policy holds it; null where it lets it pass by itself. */
      readonly approval: Approval | null
    }

export interface Denial {
  /** Counters that were looked at; absent where no limit was. */
  readonly counted?: readonly LimitWindow[]
  /** Of the policy's decision codes, or of a table of an agent-visible room. */
  readonly code: string
  readonly rule: string | null
  readonly because: string | null
  /** Index of the operation that decided. */
  readonly decisive: number
  /** Index of the resource of that operation that it is about. */
  readonly resource: number
  readonly retryAfterMs: number | null
}

/** A decision, and what an agent that is refused is told of. */
export type Told = Decision & Pick<Denial, 'resource'>

/** Where an allowed request goes, and for whom. */
export interface Route {
  readonly grant: Grant
  readonly api: PolicyApi
  readonly origin: string
  /** Null where the grant's slot asks for none. */
  readonly signature: VerifiedSignature | null
  /** The signature is good for this one request. */
  readonly spends: boolean
}

/** What the rulings remember of earlier requests. */
export interface RulingMemory {
  readonly counters: Pick<Counters, 'usage'>
  readonly refusals: Pick<RefusalRate, 'waitMs'>
  readonly spent: Pick<SpentSignatures, 'refusal'>
  readonly awsKeys: AwsGrantKeys
  readonly crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>
  readonly followers: EvidenceFollowers
  readonly approvals: Pick<Approvals, 'request'>
  readonly stops: Pick<Stops, 'haltOf' | 'frozen'>
}

type Pending = Extract<ApprovalRequest, { kind: 'pending' }>

/**
 * Every check that stands between a request and the policy's decision, in their order, and the decision. The
 * gate's word is taken for what the bytes say, never for what they mean. A request that the policy wants to ask about
 * comes a second time, with the answers, and passes all checks anew. INVARIANT: synchronous, so that from the
 * look at a limit to its reservation no other request comes in between.
 */
export function rule(c: Case, presented: GrantVerdict | 'missing', memory: RulingMemory): Ruling {
  const { request, policy, grant, nowMs } = c
  const waitMs = grant === null ? null : memory.refusals.waitMs(grant.jti, nowMs)
  if (waitMs !== null) return denied(c, FLOOD, waitMs)
  if (request.foreign.length > 0) return denied(c, 'foreign_credential')
  if (request.finding.kind === 'refused') return denied(c, request.finding.code)
  if (presented === 'missing') return denied(c, 'grant_missing')
  if (presented.kind === 'refused') return denied(c, presented.code)
  if (presented.kind === 'ended') return haltedOr(c, presented.code, presented.grant, memory)
  const halt = memory.stops.haltOf(presented.grant)
  if (halt !== null) return stopped(c, 'agent_halted', halt)
  const agent = policy.agents.get(presented.grant.agent)
  if (agent === undefined) return denied(c, 'agent_unknown')
  if (agent.environment !== presented.grant.environment) return denied(c, 'agent_environment')
  if (!mayIdentify(agent, presented.grant)) return denied(c, 'agent_identity')
  const api = policy.apis.get(request.api)
  if (api === undefined) return denied(c, 'unknown_api')
  // ATTACK: a gate that hands on another grant of the agent, so that nothing has to be signed.
  if (request.presented !== null && !api.catalog.profile.slots.includes(request.presented.slot))
    return denied(c, 'grant_slot')
  if (request.classifier !== api.catalog.classifier) return denied(c, 'classifier_mismatch')
  const target = api.catalog.parseTarget(request.target)
  if (isUnclassifiable(target)) return denied(c, target.code)
  const recognised = request.finding.operations
  if (recognised.length === 0) return denied(c, 'operation_missing')
  if (recognised.length > MAX_OPERATIONS) return denied(c, 'operations_too_many')
  const originIn = (region: string | undefined): string | undefined => {
    const there = region === undefined ? recognised : recognised.map(one => ({ ...one, region }))
    return api.origins[api.catalog.originOf({ method: request.method, target, headers: [] }, there)]
  }
  const origin = originIn(undefined)
  if (origin === undefined) return denied(c, 'upstream_unknown')
  const operations = recognised.map(one => api.catalog.describe(api.name, one))
  if (!operations.every(isWritable)) return denied(c, 'arguments_too_complex')
  const described = { ...c, classifier: api.catalog.classifier, operations }
  const at = { request, grant: presented.grant, recognised, operations, originIn, nowMs }
  const verdict = verifySignature(at, memory.awsKeys, memory.crypto)
  if (verdict.kind === 'flawed') return denied(described, verdict.code)
  const { signature } = verdict
  const spends = signature !== null && !isRepeatable(operations)
  // ATTACK: a signed request that somebody has recorded, sent once more.
  const spent = spends ? memory.spent.refusal(signature.signed.signature, nowMs) : null
  if (spent !== null) return denied(described, spent)
  const freeze = memory.stops.frozen()
  if (freeze !== null && !isReading(operations)) return stopped(described, 'frozen', freeze)
  return decide(described, { grant: presented.grant, api, origin, signature, spends }, memory)
}

function decide(described: Case, route: Route, memory: RulingMemory): Ruling {
  const { agent, environment, task, owner, authorizationDetails } = route.grant
  const { request, policy, operations, nowMs, lastEntryMs } = described
  const counters: Record<string, number> = {}
  const c = { ...described, counters }
  const input: DecisionInput = {
    agent: { id: agent, environment, task, owner },
    authorizationDetails,
    request: { api: route.api.name, method: request.method, target: request.target },
    operations,
    nowMs,
    lastEntryMs,
    probe: resultsOf(c),
    usage: limit => {
      const used = memory.counters.usage(limit, nowMs)
      counters[limit.key] = used
      return used
    },
  }
  const questions = c.probes === null ? policy.questions(input) : []
  if (questions.length > 0) return { kind: 'ask', c, route, questions }
  const decision = policy.decide(input)
  const told = () => ({ ...decision, resource: policy.tellingResource(input, decision) })
  if (decision.effect === 'deny') return { kind: 'deny', c, denial: told() }
  const behind = evidenceRefusal(policy.evidence, memory.followers, nowMs)
  if (behind !== null) return denied(c, behind, EVIDENCE_RETRY_MS)
  switch (decision.effect) {
    case 'hold':
      return held(c, told(), route, memory)
    case 'allow':
      return { kind: 'allow', c, decision, route, approval: null }
  }
}

/** What people have said about exactly this call; they are asked where nobody has. */
function held(c: Case, decision: Told, route: Route, memory: RulingMemory): Ruling {
  const asked = memory.approvals.request(c, route.grant, decision)
  switch (asked.kind) {
    case 'pending':
      return { kind: 'hold', c, decision, asked }
    case 'approved':
      return { kind: 'allow', c, decision, route, approval: asked.approval }
    case 'rejected': {
      const { rejected } = asked.approval
      const denial = { ...decision, code: 'approval_rejected', because: rejected?.because ?? null }
      return { kind: 'deny', c, denial }
    }
    case 'refused':
      return { kind: 'deny', c, denial: { ...UNDECIDED, code: asked.code, ...aboutOf(decision) } }
  }
}

function aboutOf({ decisive, resource }: Told): Pick<Denial, 'decisive' | 'resource'> {
  return { decisive, resource }
}

/** ATTACK: a name that a description cuts within a character: nothing of the request could be written down, not even its denial. */
function isWritable({ name, scope, resources, spellings = [] }: Operation): boolean {
  return (
    name.isWellFormed() &&
    Object.values(scope).every(value => value.isWellFormed()) &&
    [...resources, ...spellings].every(({ id }) => id.isWellFormed())
  )
}

/** A grant that a halt has ended says so, so that its agent reads why. */
function haltedOr(c: Case, code: string, grant: Grant, memory: RulingMemory): Ruling {
  const halt = memory.stops.haltOf(grant)
  return halt === null ? denied(c, code) : stopped(c, 'agent_halted', halt)
}

function stopped(
  c: Case,
  code: 'agent_halted' | 'frozen',
  stop: { readonly because: string | null },
): Ruling {
  return { kind: 'deny', c, denial: { ...UNDECIDED, code, because: stop.because } }
}

function denied(c: Case, code: string, retryAfterMs: number | null = null): Ruling {
  return { kind: 'deny', c, denial: { ...UNDECIDED, code, retryAfterMs } }
}
