import {
  CountersignError,
  type Crypto,
  fromUtf8,
  hex,
  type JsonObject,
  type JsonValue,
} from '../canon/index.js'
import type { Outbound, OutboundAnswer, RecordedCredential } from '../credential/index.js'
import type { PolicyApi, ProbeStatus } from '../policy/index.js'
import {
  type Ask,
  type AskContext,
  EMPTY_PAYLOAD,
  factsOf,
  flawIn,
  type Header,
  type ProbeRecipe,
  type ProbeSpec,
  type ProbeStep,
  readAnswer,
  valuesAtPath,
  writeAsk,
} from '../protocol/index.js'
import type { Clock } from './ports.js'
import type { Turns } from './turns.js'

/** A question that is ready to be sent. */
export interface ProbeCall {
  /** Whose request it is about: it waits in that agent's line. */
  readonly agent: string
  readonly api: PolicyApi
  readonly spec: ProbeSpec
  readonly recipe: ProbeRecipe
  readonly context: AskContext
  /** The sealed origin that all of its requests go to. */
  readonly origin: string
  readonly credential: RecordedCredential
}

export interface Answered {
  readonly kind: 'answered'
  readonly facts: JsonObject
}
/** Why there is no answer. */
export interface Unanswered {
  readonly kind: Exclude<ProbeStatus, 'answered'>
}
export type Answer = Answered | Unanswered

export interface CallParts {
  /** The keeper's own way out; the same that credentials are minted over. */
  readonly network: Pick<Outbound, 'send'>
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly turns: Turns
  /** Requests of one step. */
  readonly maxEach: number
}

/** Sends the requests of one question, step by step, and makes facts of the answers. Never rejects. */
export async function answerOf(call: ProbeCall, parts: CallParts, signal: AbortSignal): Promise<Answer> {
  const { spec, recipe, context } = call
  const answers: (readonly JsonValue[])[] = []
  for (const step of recipe.steps) {
    const values = eachOf(step, answers, call)
    if (values.length > parts.maxEach) return { kind: 'partial' }
    const own = await Promise.all(values.map(value => bodyOf(call, step, value, parts, signal)))
    const failed = own.find(each => each.kind !== 'body')
    if (failed !== undefined) return failed
    answers.push(own.flatMap(each => (each.kind === 'body' ? [each.body] : [])))
  }
  const facts = factsOf(spec, recipe, answers, context.subject)
  return typeof facts === 'string' ? { kind: facts } : { kind: 'answered', facts }
}

/** One request, or one for each value that an earlier step has found. */
function eachOf(
  step: ProbeStep,
  answers: readonly (readonly JsonValue[])[],
  { context }: ProbeCall,
): readonly JsonValue[] {
  const { each } = step
  if (each === undefined) return [null]
  const found = (answers[each.step] ?? []).flatMap(answer => valuesAtPath(answer, each.path, context.subject))
  return [...new Set(found)]
}

type Body = { readonly kind: 'body'; readonly body: JsonValue }

async function bodyOf(
  call: ProbeCall,
  step: ProbeStep,
  each: JsonValue,
  parts: CallParts,
  signal: AbortSignal,
): Promise<Body | Unanswered> {
  const ask = writeAsk(call.api.catalog, step, each, call.context)
  if (ask === null) return { kind: 'unclear' }
  const url = `${call.origin}${ask.request.target}`
  // ATTACK: an id that a URL parser takes for more of a path than the catalog did.
  if (call.api.origins[ask.origin] !== call.origin || new URL(url).href !== url) return { kind: 'unclear' }
  const answer = await parts.turns.take(call.agent, () => sent(ask, url, call, parts, signal))
  if (answer === null) return { kind: 'busy' }
  return 'kind' in answer ? answer : readBody(answer, step, call)
}

async function sent(
  ask: Ask,
  url: string,
  call: ProbeCall,
  { network, crypto, clock }: CallParts,
  signal: AbortSignal,
): Promise<OutboundAnswer | Unanswered> {
  if (signal.aborted) return { kind: 'timeout' }
  const { method, body } = ask.request
  const payload = body === null ? EMPTY_PAYLOAD : hex(crypto.sha256(body))
  const headers = headersFor(ask, call, payload, clock.nowMs())
  if (headers === null || (method !== 'GET' && method !== 'POST')) return { kind: 'unclear' }
  try {
    return await network.send({
      method,
      url,
      headers: Object.fromEntries(headers),
      ...(body === null ? {} : { body: fromUtf8(body) }),
      privateUpstream: call.api.privateUpstream,
      signal,
    })
  } catch (error) {
    const code = error instanceof CountersignError ? error.code : ''
    return { kind: signal.aborted || code === 'mint_timeout' ? 'timeout' : 'unreachable' }
  }
}

/** The catalog's own headers and the credential's. What only stands for a signature is replaced by one. */
function headersFor(
  ask: Ask,
  { origin, credential }: ProbeCall,
  payload: string,
  nowMs: number,
): readonly Header[] | null {
  const { method, target, headers } = ask.request
  if (credential.sign === undefined) return [...headers, ...credential.headers]
  const example = scopeIn(headers)
  if (example === null) return null
  const own = headers.filter(([name]) => !STANDS_FOR_A_SIGNATURE.has(name))
  const { service, region } = example
  return [
    ...own,
    ...credential.sign({ method, origin, target, headers: own, payload, service, region, nowMs }),
  ]
}

/** Region and service of the catalog's own example, which nobody has signed. */
function scopeIn(headers: readonly Header[]): { readonly region: string; readonly service: string } | null {
  const authorization = headers.find(([name]) => name === 'authorization')?.[1] ?? ''
  const [, region, service] =
    / Credential=[^/]+\/[0-9]{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(authorization) ?? []
  return region === undefined || service === undefined ? null : { region, service }
}

const STANDS_FOR_A_SIGNATURE: ReadonlySet<string> = new Set([
  'authorization',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
])

function readBody(
  { status, body, text }: OutboundAnswer,
  step: ProbeStep,
  { context }: ProbeCall,
): Body | Unanswered {
  if (step.none.includes(status)) return { kind: 'body', body: {} }
  if (status === 404) return { kind: 'not_found' }
  if (status < 200 || status > 299) return { kind: status >= 500 ? 'unreachable' : 'refused' }
  const answer = readAnswer(body, text)
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return { kind: 'malformed' }
  // A GraphQL refusal is a 200, and beside its errors there may be half an answer.
  if (step.query !== undefined && answer.errors !== undefined) return { kind: 'refused' }
  const flaw = flawIn(answer, step, context.subject)
  return flaw === null ? { kind: 'body', body: answer } : { kind: flaw }
}
