import { CountersignError } from '../canon/index.js'
import { type AdmitReply, areSayable, type BodySummary, type Finding, type Verdict } from '../link/index.js'
import {
  headersAsSigned,
  isUnclassifiable,
  parseTarget,
  type RequestBody,
  type RequestHead,
  SLOTS,
} from '../protocol/index.js'
import { answerRefusal } from './answer.js'
import type { GateApi, Routing } from './api.js'
import { type ReadBody, readBody } from './body.js'
import type { GateContext } from './context.js'
import type { Exchange } from './exchange.js'
import { framingRefusal } from './framing.js'
import type { Share } from './grant-shares.js'
import { asPod, type Identity, identify } from './identify.js'
import type { Holding } from './inspection.js'
import type { AdmitCall } from './keeper-port.js'
import { isTooComplex, type Turn } from './long-bodies.js'
import { notSent } from './outcomes.js'
import { Patience } from './patience.js'
import { type Refusal, refusalOfEnded, refusalOfFault, refusalOfVerdict } from './refusal.js'
import { type Sendable, send } from './send.js'
import { signatureOf, signedRequest, targetToForward } from './signed.js'

/** How often a request is classified again because the policy changed meanwhile. */
const MAX_ROUNDS = 3

/** What the gate understood of a request under one policy: what it tells the keeper, and what it would send. */
interface Examined {
  readonly api: GateApi | null
  readonly call: AdmitCall
  /** Null where the gate refuses by itself. */
  readonly sendable: Sendable | null
}

/**
 * One request's way through the gate: examine it, ask the keeper, and then forward exactly what was examined or
 * answer the refusal, which is recorded by then. A held one may wait for people and be asked for again, with a receipt
 * of its own each time. Never rejects.
 */
export async function pass(context: GateContext, exchange: Exchange): Promise<void> {
  const holding = context.inspection.open()
  const share = context.shares.open()
  const turn = context.longBodies.open()
  const patience = new Patience(context, exchange)
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const routing = context.routing()
      if (routing === null) return refuse(context, exchange, null, unavailable(whyNone(context)))
      const asked = await examineAndAsk(context, routing, exchange, { holding, share, turn })
      const { reply, api } = asked
      const { verdict } = reply
      switch (verdict.kind) {
        case 'stale':
          await context.routingAfter(routing)
          continue
        case 'refuse': {
          const end =
            verdict.effect === 'hold' ? await patience.wait(verdict.approval, verdict.agent) : 'over'
          // Nothing is consumed and nothing sent for an agent that has gone; the approval stays.
          if (end === 'agent left') return
          if (end === 'ask again') {
            round = -1
            continue
          }
          const refusal =
            end === 'ended' ? refusalOfEnded(reply.receipt) : refusalOfVerdict(verdict, reply.receipt)
          return refuse(context, exchange, api, refusal)
        }
        case 'forward':
          return await forward(context, exchange, asked, verdict, holding)
      }
    }
    refuse(context, exchange, null, unavailable('policy_moving'))
  } catch (error) {
    refuse(context, exchange, null, unavailable(faultCode(context, error)))
  } finally {
    turn.giveBack()
    holding.release()
    share.release()
  }
}

/** What the keeper said of what was examined. What was understood of the request isn't kept while it is under way. */
interface Asked extends Pick<Examined, 'api' | 'sendable'> {
  readonly reply: AdmitReply
  readonly carriesForeign: boolean
}

/** What one request takes of what all share. */
interface Places {
  readonly holding: Holding
  readonly share: Share
  readonly turn: Turn
}

async function examineAndAsk(
  context: GateContext,
  routing: Routing,
  exchange: Exchange,
  places: Places,
): Promise<Asked> {
  const examined = await examine(context, routing, exchange, places)
  const reply = await ask(context, examined)
  places.turn.giveBack()
  const { api, sendable, call } = examined
  return { api, sendable, reply, carriesForeign: call.foreign.length > 0 }
}

/** A request as it was read before its body: what every finding of it says. */
interface Subject {
  readonly routing: Routing
  readonly exchange: Exchange
  readonly api: GateApi | null
  readonly identity: Identity
  /** Raw target as it would be forwarded. */
  readonly target: string
}

/** Target, grant, signature, body, operations, in this order; the first that is refused is the finding. */
async function examine(
  context: GateContext,
  routing: Routing,
  exchange: Exchange,
  { holding, share, turn }: Places,
): Promise<Examined> {
  const api = routing.apis.get(exchange.api) ?? null
  const raw = targetToForward(api, exchange)
  const target = (api?.catalog.parseTarget ?? parseTarget)(raw)
  // Where the address names no API, a grant is still looked for, so that the refusal has a name on it.
  const identity = asPod(
    identify(api?.slots ?? SLOTS, exchange.headers, rawQuery(exchange.target)),
    context.podToken,
  )
  const subject: Subject = { routing, exchange, api, identity, target: raw }
  const refused = (code: string, body: ReadBody | null = null): Examined =>
    examinedAs(subject, { kind: 'refused', code }, body)

  const framing = framingRefusal(exchange.request.httpVersion, exchange.method, exchange.headers)
  if (framing !== null) return refused(framing)
  if (api === null) return refused('unknown_api')
  if (isUnclassifiable(target)) return refused(target.code)
  if (identity.presented === null && identity.foreign.length === 0) return refused('grant_missing')
  if (identity.presented !== null) {
    const { token } = identity.presented
    if (!share.claim(token)) return refused('gate_busy')
    holding.belongTo(token)
  }

  const signature = signatureOf(api, exchange)
  if (signature !== null && isUnclassifiable(signature)) return refused(signature.code)
  const mustBeSigned = identity.presented?.slot === 'aws-sigv4'
  if (mustBeSigned && signature === null) return refused('aws_signature_missing')

  const headers = signature === null ? exchange.headers : headersAsSigned(signature, exchange.headers)
  const head: RequestHead = { method: exchange.method, target, headers }
  const plan = api.catalog.planBody(head)
  if (isUnclassifiable(plan)) return refused(plan.code)
  if (plan.kind === 'inspect') exchange.invite()
  const body = exchange.body ?? (await readBody(exchange.request, plan, context.limits, holding))
  if (body.kind === 'refused') return refused(body.code)
  if (body.kind === 'whole') exchange.body = body
  if (isTooComplex(body)) return refused('arguments_too_complex', body)
  await turn.take(body, identity.presented?.token ?? '')

  const classification = api.catalog.recognise({ ...head, body: factsOf(body) })
  if (isUnclassifiable(classification)) return refused(classification.code, body)
  const { operations } = classification
  if (!areSayable(operations)) return refused('arguments_too_complex', body)
  const upstream = api.upstreams.get(api.catalog.originOf(head, operations))
  if (upstream === undefined) return refused('upstream_unknown', body)
  const signed =
    mustBeSigned && signature !== null ? signedRequest(api, exchange, signature, head, body) : null
  if (typeof signed === 'string') return refused(signed, body)
  const { call } = examinedAs(subject, { kind: 'operations', operations }, body)
  return { api, call: { ...call, signed }, sendable: { head, body, upstream, signed } }
}

function examinedAs(subject: Subject, finding: Finding, body: ReadBody | null): Examined {
  const { routing, exchange, api, identity, target } = subject
  return {
    api,
    sendable: null,
    call: {
      policyCid: api === null ? '' : routing.policyCid,
      api: api?.name ?? '',
      method: exchange.method,
      target,
      presented: identity.presented,
      signed: null,
      foreign: identity.foreign,
      body: summaryOf(body),
      classifier: finding.kind === 'operations' && api !== null ? api.catalog.classifier : 'none',
      finding,
    },
  }
}

async function ask(context: GateContext, { api, call }: Examined): Promise<AdmitReply> {
  if (call.foreign.length > 0) context.metrics.foreignCredential(api?.name ?? '')
  const askedMs = performance.now()
  const reply = await context.keeper.admit(call)
  context.metrics.admitSeconds(performance.now() - askedMs)
  return reply
}

async function forward(
  context: GateContext,
  exchange: Exchange,
  { reply, api, sendable, carriesForeign }: Asked,
  verdict: Extract<Verdict, { kind: 'forward' }>,
  holding: Holding,
): Promise<void> {
  if (reply.receipt === null) throw new Error('an admission without a receipt')
  // INVARIANT: what the gate found wrong is never forwarded, even if the keeper says so.
  if (api === null || sendable === null || carriesForeign) {
    void context.outcomes.settle(notSent(reply.receipt.seq))
    return refuse(context, exchange, api, unavailable('gate_fault'))
  }
  context.metrics.decided(api.name, 'allow', verdict.code)
  try {
    await send(context, { exchange, api, ...sendable, receipt: reply.receipt, verdict, holding })
  } catch (error) {
    void context.outcomes.settle(notSent(reply.receipt.seq)) // it failed before the upstream was asked
    throw error
  }
}

function refuse(context: GateContext, exchange: Exchange, api: GateApi | null, refusal: Refusal): void {
  const known = api ?? context.routing()?.apis.get(exchange.api) ?? null
  context.metrics.decided(known?.name ?? '', refusal.effect, refusal.code)
  const { api: name, method } = exchange
  context.log.info(
    { api: known === null ? '' : name, method, code: refusal.code, receipt: refusal.receipt?.seq ?? null },
    'refused',
  )
  const dialect = known?.catalog.profile.dialect ?? 'rest'
  answerRefusal(exchange, dialect, refusal, context.keeper.origin())
}

/** Why there is nothing to decide by: without its keeper a gate has no policy either. */
function whyNone({ keeper }: GateContext): 'no_policy' | 'keeper_gone' {
  return keeper.connected() ? 'no_policy' : 'keeper_gone'
}

function unavailable(code: string): Refusal {
  return refusalOfFault(code, 'nothing', null)
}

/** The stable code of what was thrown; the rest of it goes to the log, and none of it to the agent. */
function faultCode(context: GateContext, error: unknown): string {
  if (error instanceof CountersignError) return error.code
  context.log.error({ err: error }, 'fault of the gate')
  return 'gate_fault'
}

/** The query of a target that may yet be refused, so that a token in it is still reported. */
function rawQuery(target: string): string | null {
  const question = target.indexOf('?')
  return question === -1 ? null : target.slice(question + 1)
}

function factsOf(body: ReadBody): RequestBody {
  switch (body.kind) {
    case 'whole':
      return body.bytes.length === 0 ? { kind: 'none' } : { kind: 'buffered', bytes: body.bytes }
    case 'stream':
      return { kind: 'streamed' }
    case 'none':
    case 'refused':
      return { kind: 'none' }
  }
}

function summaryOf(body: ReadBody | null): BodySummary {
  switch (body?.kind) {
    case 'whole':
      return {
        kind: 'inspected',
        sha256: body.sha256,
        lengthBytes: body.bytes.length,
      }
    case 'stream':
      return { kind: 'streamed' }
    default:
      return { kind: 'none' }
  }
}
