import { type JsonObject, type JsonValue, parseStrictJson } from '../../canon/index.js'
import { parseContentType } from '../content-type.js'
import { protocolFault } from '../error-table.js'
import type { Unclassifiable } from '../operation.js'
import type { BodyPlan, RequestFacts, RequestHead } from '../request.js'
import { headerValue, refuseHeaders } from '../request-headers.js'
import { unclassifiable } from '../unclassifiable.js'

/** One request of GraphQL over HTTP: `{"query":"…","variables":{…},"operationName":"…"}`. */
export interface Envelope {
  readonly query: string
  readonly operationName: string | null
  readonly variables: JsonObject
}

/** Longest body that is inspected, in bytes; a longer one is refused. */
export const MAX_BODY_BYTES = 1 << 20

/** Members by which servers find a query that isn't in the request. */
const PERSISTED: ReadonlySet<string> = new Set([
  'id',
  'doc_id',
  'docId',
  'documentId',
  'hash',
  'queryId',
  'persistedQuery',
  'sha256Hash',
])
const MEMBERS: ReadonlySet<string> = new Set(['query', 'variables', 'operationName', 'extensions'])

/** Says who asks (Apollo Client 4) and selects nothing. */
const HARMLESS_EXTENSIONS: ReadonlySet<string> = new Set(['clientLibrary'])

/** Accepts POST of `application/json` to the endpoint without a query string, and plans to read it whole. */
export function planEnvelope(head: RequestHead, path: string): BodyPlan | Unclassifiable {
  if (head.target.path !== path) return unclassifiable('graphql_path')
  // ATTACK: `?query=` beside a body: two selectors, and servers disagree on which one wins.
  if (head.target.query !== null) return unclassifiable('graphql_url_query')
  if (head.method !== 'POST') return unclassifiable('graphql_method')
  return refuseHeaders(head.headers) ?? refuseMediaType(head) ?? { kind: 'inspect', maxBytes: MAX_BODY_BYTES }
}

function refuseMediaType(head: RequestHead): Unclassifiable | null {
  const given = parseContentType(headerValue(head, 'content-type') ?? '')
  const json = given?.type === 'application/json' && (given.charset ?? 'utf-8') === 'utf-8'
  return json && given.boundary === null ? null : unclassifiable('content_type_mismatch')
}

/** Reads the body under the strict rules of JSON; throws a fault of this room or of canon. */
export function readEnvelope(facts: RequestFacts): Envelope {
  if (facts.body.kind !== 'buffered') throw protocolFault('body_not_inspected')
  const value = parseStrictJson(facts.body.bytes)
  if (Array.isArray(value)) throw protocolFault('graphql_batch')
  if (!isObject(value)) throw protocolFault('body_not_object')
  for (const name of Object.keys(value)) {
    if (PERSISTED.has(name)) throw protocolFault('graphql_persisted_query')
    // ATTACK: `Query`, `QUERY`: servers that ignore case take them for the query.
    if (!MEMBERS.has(name)) throw protocolFault('graphql_member')
  }
  refuseExtensions(value.extensions)
  if (value.query === undefined || value.query === null) throw protocolFault('graphql_persisted_query')
  if (typeof value.query !== 'string') throw protocolFault('graphql_member', 'query is not a string')
  return {
    query: value.query,
    operationName: readOperationName(value.operationName),
    variables: readVariables(value.variables),
  }
}

function refuseExtensions(extensions: JsonValue | undefined): void {
  if (extensions === undefined || extensions === null) return
  if (!isObject(extensions)) throw protocolFault('graphql_member', 'extensions is not an object')
  for (const name of Object.keys(extensions)) {
    if (PERSISTED.has(name)) throw protocolFault('graphql_persisted_query', 'in extensions')
    if (!HARMLESS_EXTENSIONS.has(name)) throw protocolFault('graphql_member', 'in extensions')
  }
}

function readOperationName(name: JsonValue | undefined): string | null {
  if (name === undefined || name === null) return null
  // Servers disagree on whether an empty name is a name.
  if (typeof name !== 'string' || !/^[_A-Za-z][_0-9A-Za-z]*$/.test(name))
    throw protocolFault('graphql_operation_name')
  return name
}

function readVariables(variables: JsonValue | undefined): JsonObject {
  if (variables === undefined || variables === null) return Object.create(null)
  if (!isObject(variables)) throw protocolFault('graphql_member', 'variables is not an object')
  return variables
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
