import { parseStrictJson } from '../canon/index.js'
import type {
  ActivePolicy,
  Decision,
  DecisionInput,
  PolicyAgent,
  PolicyApi,
  ProbeResult,
} from '../policy/index.js'
import {
  type AwsService,
  classify,
  exampleSignature,
  type Header,
  type Operation,
  type RawRequest,
} from '../protocol/index.js'
import { openAwsShelf } from './aws-shelf.js'
import { UsageError } from './io.js'
import { type SupposedAnswers, supposedResults } from './supposed-answers.js'

/** A request to be explained: for which API, and what would be sent to it. */
export interface ExplainedRequest extends RawRequest {
  readonly api: string
}

/** The answer for one request, as `policy explain --requests` writes it. */
export type Explanation =
  | {
      readonly operations: readonly Pick<Operation, 'name' | 'classes' | 'scope' | 'resources'>[]
      readonly decision: Decision
      /** Why the rule that decided was met where the request doesn't name what it does; absent where it does. */
      readonly leftOpen?: readonly string[]
      /** What the API is asked before; absent where nothing is. */
      readonly asks?: readonly Pick<ProbeResult, 'probe' | 'type' | 'id' | 'status'>[]
    }
  | { readonly refused: { readonly code: string; readonly detail: string } }

/** Under which circumstances a request is imagined. */
export interface Circumstances {
  readonly nowMs: number
  readonly task: string
  readonly owner: string
  /** What was used up under each limit, by counter (`rule/agent`). */
  readonly usage: Readonly<Record<string, number>>
  readonly answers: SupposedAnswers
}

/** What the gate and the keeper make of a request: refused before any rule is asked, or decided over this input. */
export type Imagined =
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  | { readonly kind: 'decided'; readonly input: DecisionInput; readonly decision: Decision }

/** Classifies as the gate does, describes and decides as the keeper does. Nobody is asked: what an API would say is supposed. */
export function imagine(
  policy: ActivePolicy,
  agent: PolicyAgent,
  request: ExplainedRequest,
  { nowMs, task, owner, usage, answers }: Circumstances,
): Imagined {
  const api = policy.apis.get(request.api)
  if (api === undefined) return refused('unknown_api', 'the policy has no API of this name')
  const classification = classify(api.catalog, request)
  if (classification.kind === 'unclassifiable') return refused(classification.code, classification.detail)
  const input: DecisionInput = {
    agent: { id: agent.id, environment: agent.environment, task, owner },
    authorizationDetails: null,
    request: { api: request.api, method: request.method, target: request.target },
    operations: classification.operations.map(each => api.catalog.describe(request.api, each)),
    nowMs,
    lastEntryMs: 0,
    probe: null,
    usage: ({ key }) => (Object.hasOwn(usage, key) ? (usage[key] as number) : 0),
  }
  const asked = { ...input, probe: supposedResults(policy, input, answers) }
  return { kind: 'decided', input: asked, decision: policy.decide(asked) }
}

/** What a sidecar would make of a request, without one, while no limit is used up. */
export function explain(
  policy: ActivePolicy,
  agent: PolicyAgent,
  request: ExplainedRequest,
  nowMs: number,
  answers: SupposedAnswers = {},
): Explanation {
  const imagined = imagine(policy, agent, request, { nowMs, task: 'explain', owner: '', usage: {}, answers })
  if (imagined.kind === 'refused') return { refused: { code: imagined.code, detail: imagined.detail } }
  const operations = imagined.input.operations.map(({ name, classes, scope, resources }) => ({
    name,
    classes,
    scope,
    resources: resources.map(({ type, id }) => ({ type, id })),
  }))
  const asks = imagined.input.probe?.map(({ probe, type, id, status }) => ({ probe, type, id, status }))
  const leftOpen = policy.leftOpen(imagined.input, imagined.decision)
  return {
    operations,
    decision: imagined.decision,
    ...(leftOpen.length === 0 ? {} : { leftOpen }),
    ...(asks === undefined ? {} : { asks }),
  }
}

function refused(code: string, detail: string): Imagined {
  return { kind: 'refused', code, detail }
}

/** The agent that is asked about; it may be left out where the policy has only one. */
export function chooseAgent(policy: ActivePolicy, id: string | undefined): PolicyAgent {
  const [only] = policy.agents.values()
  const agent = id === undefined && policy.agents.size === 1 ? only : policy.agents.get(id ?? '')
  if (agent !== undefined) return agent
  const known = [...policy.agents.keys()].join(', ')
  throw new UsageError(
    id === undefined ? 'the policy has several agents' : `the policy has no agent "${id}"`,
    `Pass --agent with one of: ${known}.`,
  )
}

/** One line of `--requests`: `{"api","method","target","headers":[[name,value]…],"body"|"bodyBase64"}`. Null where it is malformed. */
export function parseRequestLine(line: string): ExplainedRequest | null {
  let value: unknown
  try {
    value = parseStrictJson(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { api, method, target, headers = [], body, bodyBase64, ...rest } = value as Record<string, unknown>
  if (typeof api !== 'string' || typeof method !== 'string' || typeof target !== 'string') return null
  if (!isHeaders(headers) || Object.keys(rest).length > 0 || (body !== undefined && bodyBase64 !== undefined))
    return null
  const bytes = bodyBytes(body, bodyBase64)
  return bytes === undefined ? null : { api, method, target, headers, body: bytes }
}

function isHeaders(value: unknown): value is Header[] {
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every(each => typeof each === 'string')
  return Array.isArray(value) && value.every(isPair)
}

function bodyBytes(body: unknown, bodyBase64: unknown): Uint8Array | null | undefined {
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  if (typeof bodyBase64 === 'string') {
    const bytes = Buffer.from(bodyBase64, 'base64')
    return bytes.toString('base64') === bodyBase64 ? bytes : undefined
  }
  return (body ?? bodyBase64 ?? null) === null ? null : undefined
}

/** What curl's flags say. */
export interface CurlFlags {
  readonly request?: string
  readonly header?: readonly string[]
  readonly data?: readonly string[]
  readonly get?: boolean
  readonly head?: boolean
}

/** The request that curl would send with these flags, to an upstream's URL, a sidecar's, or a path alone. */
export function requestOfCurl(
  policy: ActivePolicy,
  url: string,
  flags: CurlFlags,
  apiName: string | undefined,
): ExplainedRequest {
  const { api, target, label } = locate(policy, url, apiName)
  const headers = (flags.header ?? []).map(parseHeader)
  if (label !== null && !headers.some(([name]) => name === 'authorization'))
    headers.push(...signatureFor(policy.apis.get(api), label))
  const data = flags.data?.join('&')
  if (flags.get === true && data !== undefined) {
    const joined = `${target}${target.includes('?') ? '&' : '?'}${data}`
    return { api, method: flags.request ?? 'GET', target: joined, headers, body: null }
  }
  const method = flags.request ?? (data !== undefined ? 'POST' : flags.head === true ? 'HEAD' : 'GET')
  if (data !== undefined && !headers.some(([name]) => name === 'content-type')) {
    headers.push(['content-type', 'application/x-www-form-urlencoded'])
  }
  return { api, method, target, headers, body: data === undefined ? null : Buffer.from(data, 'utf8') }
}

/** Labels of the endpoints at an origin: the policy's own, and those that it puts stand-ins before. */
function labelsOf({ origins, catalog }: PolicyApi, origin: string): readonly string[] {
  const labels = Object.keys(origins)
  return labels.filter(label =>
    [origins[label], catalog.profile.origins[label]].some(each => each?.toLowerCase() === origin),
  )
}

/** Headers as of a signed request to that endpoint of AWS: which service and region is meant is said by the signature alone. */
function signatureFor(api: PolicyApi | undefined, label: string): readonly Header[] {
  if (api?.catalog.profile.slots.includes('aws-sigv4') !== true) return []
  const dot = label.lastIndexOf('.')
  const text = openAwsShelf().read(label.slice(0, dot))
  const service = text === undefined ? label.slice(0, dot) : (JSON.parse(text) as AwsService).signingName
  return exampleSignature(
    service,
    label.slice(dot + 1),
    new URL(api.catalog.profile.origins[label] ?? '').host,
  )
}

export function parseHeader(text: string): Header {
  const colon = text.indexOf(':')
  if (colon < 1) throw new UsageError(`"${text}" is not a header`, 'Write -H "Name: value".')
  return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()]
}

/** Which API a URL belongs to, and the target below it. The target's bytes are taken as they are: nothing is normalised. */
function locate(
  policy: ActivePolicy,
  url: string,
  apiName: string | undefined,
): { readonly api: string; readonly target: string; readonly label: string | null } {
  const match = /^([a-z]+:\/\/[^/?#]*)?(.*)$/is.exec(url)
  const origin = match?.[1]?.toLowerCase()
  const target = match?.[2] === '' || match?.[2] === undefined ? '/' : match[2]
  if (origin !== undefined) {
    const owner = [...policy.apis.values()].find(
      api => (apiName === undefined || api.name === apiName) && labelsOf(api, origin).length > 0,
    )
    if (owner !== undefined) {
      // Where many services share one address, as stand-ins do, the address doesn't say which is meant.
      const [label, second] = labelsOf(owner, origin)
      return { api: owner.name, target, label: second === undefined ? (label ?? null) : null }
    }
  }
  for (const name of policy.apis.keys()) {
    if (apiName !== undefined && apiName !== name) continue
    const prefix = `/${name}`
    if (target === prefix) return { api: name, target: '/', label: null }
    if (target.startsWith(`${prefix}/`) || target.startsWith(`${prefix}?`)) {
      const below = target.slice(prefix.length)
      return { api: name, target: below.startsWith('?') ? `/${below}` : below, label: null }
    }
  }
  if (apiName !== undefined) return { api: apiName, target, label: null }
  throw new UsageError(
    `no API of the policy is at ${origin ?? target}`,
    `Pass --api with one of: ${[...policy.apis.keys()].join(', ')}.`,
  )
}
