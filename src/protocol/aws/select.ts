import { parseContentType } from '../content-type.js'
import { protocolFault } from '../error-table.js'
import { type Pair, parsePairs } from '../parameter-pairs.js'
import type { RequestHead } from '../request.js'
import { headerValue } from '../request-headers.js'
import type { FormWire } from './form-arguments.js'
import { isMoreSpecific, matchPath, meets } from './http-template.js'
import type { CompiledOperation } from './operation.js'
import type { RestCall } from './rest-arguments.js'
import { checkPath, type RestRequest, readRestRequest } from './rest-request.js'
import type { HttpBinding } from './service.js'
import type { Candidate } from './services.js'

/**
 * How a request says what it wants, as far as target and headers tell. A form in the body names its operation there;
 * everything else has named it by now.
 */
export type Selection = FormSelection | FoundOperation

export interface FormSelection {
  readonly kind: 'form'
  readonly candidates: readonly Candidate[]
  /** The pairs of the URL, where the operation is named there. */
  readonly query: readonly Pair[] | null
}

export interface FoundOperation {
  readonly kind: 'operation'
  readonly candidate: Candidate
  /** As the request calls it; bounded, of letters and digits. */
  readonly name: string
  /** Null for one that neither the catalog nor the policy knows. */
  readonly operation: CompiledOperation | null
  readonly call:
    | { readonly wire: 'json' | 'cbor' }
    | { readonly wire: FormWire; readonly pairs: readonly Pair[] }
    | RestCall
    | null
}

/** Longest name of an operation in AWS's models is about half of that. */
const NAME = /^[A-Za-z0-9_-]{1,128}$/
const CBOR_PATH = /^\/service\/([A-Za-z0-9_.-]+)\/operation\/([A-Za-z0-9_]+)$/

/** Settles what target and headers say. Throws a protocol fault where they say nothing, or two things. */
export function select(head: RequestHead, candidates: readonly Candidate[]): Selection {
  const target = headerValue(head, 'x-amz-target')
  const smithy = headerValue(head, 'smithy-protocol')
  if (target !== null && smithy !== null) throw protocolFault('aws_selector')
  if (target !== null) return selectTarget(head, candidates, target)
  if (smithy !== null) return selectCbor(head, candidates, smithy)
  return selectForm(head, candidates) ?? selectRest(head, candidates)
}

/** `X-Amz-Target: DynamoDB_20120810.DeleteTable` */
function selectTarget(head: RequestHead, candidates: readonly Candidate[], target: string): Selection {
  if (head.method !== 'POST' || head.target.raw !== '/') throw protocolFault('aws_selector')
  if (!/^application\/x-amz-json-1\.[01]$/.test(mediaType(head) ?? ''))
    throw protocolFault('content_type_mismatch')
  const dot = target.lastIndexOf('.')
  const prefix = target.slice(0, Math.max(dot, 0))
  const named = candidates.filter(
    ({ service }) => service.wires.includes('json') && service.targetPrefix === prefix,
  )
  return settle(named, target.slice(dot + 1), { wire: 'json' })
}

/** `POST /service/GraniteServiceVersion20100801/operation/PutMetricData` */
function selectCbor(head: RequestHead, candidates: readonly Candidate[], smithy: string): Selection {
  const match = CBOR_PATH.exec(head.target.raw)
  if (smithy !== 'rpc-v2-cbor' || head.method !== 'POST' || match === null)
    throw protocolFault('aws_selector')
  const type = mediaType(head)
  if (type !== null && type !== 'application/cbor') throw protocolFault('content_type_mismatch')
  const named = candidates.filter(
    ({ service }) => service.wires.includes('cbor') && service.cborName === match[1],
  )
  return settle(named, match[2] as string, { wire: 'cbor' })
}

/** Null where it is no request of a query protocol. */
function selectForm(head: RequestHead, candidates: readonly Candidate[]): Selection | null {
  const spoken = candidates.filter(({ service }) => formWireOf(service.wires) !== null)
  if (spoken.length === 0 || head.target.path !== '/') return null
  const { query } = head.target
  const form = mediaType(head) === 'application/x-www-form-urlencoded'
  if (head.method === 'POST' && (query === null || query === '') && form)
    return { kind: 'form', candidates: spoken, query: null }
  if (query === null || (head.method !== 'GET' && head.method !== 'POST')) return null
  const pairs = parsePairs(query)
  return pairs.some(([name]) => name === 'Action') ? { kind: 'form', candidates: spoken, query: pairs } : null
}

/** Finds the operation that a form names with Action and Version, each once. */
export function settleForm(candidates: readonly Candidate[], pairs: readonly Pair[]): FoundOperation {
  const action = onlyValue(pairs, 'Action')
  const version = onlyValue(pairs, 'Version')
  const named = candidates.filter(({ service }) => service.apiVersion === version)
  if (named.length === 0) throw protocolFault('aws_version')
  const rest = pairs.filter(([name]) => name !== 'Action' && name !== 'Version')
  const found = settle(named, action, null)
  const wire = formWireOf(found.candidate.service.wires) as FormWire
  return { ...found, call: { wire, pairs: rest } }
}

function selectRest(head: RequestHead, candidates: readonly Candidate[]): FoundOperation {
  const spoken = candidates.filter(({ service }) => service.wires.some(wire => wire.startsWith('rest-')))
  if (spoken.length === 0) throw protocolFault('aws_selector')
  const matches = spoken.flatMap(candidate => {
    const request = readRestRequest(head, candidate.service.keepsKeys)
    const match = bestMatch(candidate, request)
    return match === null ? [] : [{ candidate, request, ...match }]
  })
  const fitting = matches.filter(({ operation, request }) => servesPrefix(operation, request))
  // Only what addresses an account's own host carries its header.
  const addressed = fitting.filter(({ operation }) => operation.hostPrefix.includes('{AccountId}'))
  const [match, second] = addressed.length > 0 ? addressed : fitting
  if (second !== undefined) throw protocolFault('aws_ambiguous')
  if (match === undefined) return unrouted(head, spoken)
  const { candidate, request, operation, binding, captured } = match
  checkPath(head, candidate.service.keepsKeys)
  if (request.hint !== null && request.hint !== operation.name) throw protocolFault('aws_selector', 'x-id')
  const wire = candidate.service.mainWire === 'rest-xml' ? 'rest-xml' : 'rest-json'
  return {
    kind: 'operation',
    candidate,
    name: operation.name,
    operation,
    call: { request, template: binding.template, captured, wire },
  }
}

interface Match {
  readonly operation: CompiledOperation
  readonly binding: HttpBinding
  readonly captured: ReadonlyMap<string, string>
}

/** The one binding that is more specific than all others that match; throws `aws_ambiguous` where there is none such. */
function bestMatch({ service }: Candidate, request: RestRequest): Match | null {
  const matching = service.bindings(request.method).flatMap(binding => {
    const captured = matchPath(binding.template, request.segments, service.keepsKeys)
    if (captured === null || !meets(binding.template, request.headers, request.query)) return []
    return [{ binding, captured }]
  })
  if (matching.length === 0) return null
  const best = matching.filter(({ binding }) =>
    matching.every(
      other => other.binding === binding || isMoreSpecific(binding.template, other.binding.template),
    ),
  )
  if (best.length !== 1) throw protocolFault('aws_ambiguous')
  const { binding, captured } = best[0] as (typeof best)[number]
  return { operation: service.operation(binding.name) as CompiledOperation, binding, captured }
}

function servesPrefix({ hostPrefix }: CompiledOperation, { headers }: RestRequest): boolean {
  return !hostPrefix.includes('{AccountId}') || headers.has('x-amz-account-id')
}

/** INVARIANT: the name holds a space, so that it is no operation's and describes as `unknown`. */
function unrouted(head: RequestHead, candidates: readonly Candidate[]): FoundOperation {
  const [candidate, second] = candidates
  if (candidate === undefined || second !== undefined) throw protocolFault('aws_selector')
  checkPath(head, candidate.service.keepsKeys)
  return { kind: 'operation', candidate, name: `${head.method} (unrouted)`, operation: null, call: null }
}

/** Which of the services that were named has the operation. */
function settle(named: readonly Candidate[], name: string, call: FoundOperation['call']): FoundOperation {
  if (!NAME.test(name)) throw protocolFault('aws_selector')
  if (named.length === 0) throw protocolFault('aws_service')
  const knowing = named.filter(({ service }) => service.operation(name) !== undefined)
  const [candidate, second] = knowing.length > 0 ? knowing : named
  if (candidate === undefined || second !== undefined) throw protocolFault('aws_ambiguous')
  return { kind: 'operation', candidate, name, operation: candidate.service.operation(name) ?? null, call }
}

function formWireOf(wires: readonly string[]): FormWire | null {
  if (wires.includes('ec2')) return 'ec2'
  return wires.includes('query') ? 'query' : null
}

/** ATTACK: `Action=` twice; which one counts is the server's choice. */
function onlyValue(pairs: readonly Pair[], wanted: string): string {
  const values = pairs.filter(([name]) => name.toLowerCase() === wanted.toLowerCase())
  if (values.length !== 1 || values[0]?.[0] !== wanted) throw protocolFault('aws_selector', wanted)
  return values[0][1]
}

function mediaType(head: RequestHead): string | null {
  const value = headerValue(head, 'content-type')
  const type = value === null ? null : parseContentType(value)
  if (type === null) return null
  return type.charset === null || type.charset === 'utf-8' ? type.type : 'other'
}
