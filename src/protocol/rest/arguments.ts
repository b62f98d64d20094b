import { fromUtf8, type JsonObject, parseStrictJson } from '../../canon/index.js'
import { refuseSpellings } from '../argument-shape.js'
import { parseContentType } from '../content-type.js'
import { protocolFault } from '../error-table.js'
import { parseMultipart } from '../multipart.js'
import { parsePairs } from '../parameter-pairs.js'
import { placeParameter } from '../parameter-tree.js'
import type { RequestFacts, RequestHead } from '../request.js'
import { headerValue } from '../request-headers.js'
import type { BodyKind } from './document.js'
import type { CompiledRoute } from './route.js'

/** Content-Type of each kind of body; `stream` takes any. */
const MEDIA_TYPES: ReadonlyMap<string, BodyKind> = new Map([
  ['application/x-www-form-urlencoded', 'form'],
  ['application/json', 'json'],
  ['multipart/form-data', 'multipart'],
])

const MAX_FIELD_BYTES = 65_536

/**
 * Path, query and body parameters as one object. The same name in two places is two selectors and refused
 * with `parameter_ambiguous`; `_method` anywhere is an override of the method.
 */
export function argumentsOf(
  route: CompiledRoute,
  captured: readonly string[],
  facts: RequestFacts,
): JsonObject {
  const text = pathArguments(route, captured)
  if (facts.target.query !== null) join(text, pairArguments(withoutTail(facts.target.query), route))
  const body = bodyArguments(route, facts)
  if (body?.origin === 'text') join(text, body.args)
  const shaped = route.shape(text, 'text') as JsonObject
  if (body?.origin === 'native') {
    join(shaped, route.shape(body.args, 'native') as JsonObject)
    refuseSpellings(shaped)
  }
  if ('_method' in shaped) throw protocolFault('method_override', 'in a parameter')
  // ATTACK: a form field that names the charset of the others (RFC 7578 §4.6).
  if ('_charset_' in shaped) throw protocolFault('parameter_ambiguous')
  return shaped
}

function pathArguments(route: CompiledRoute, captured: readonly string[]): JsonObject {
  const args: JsonObject = Object.create(null)
  for (let i = 0; i < route.parameters.length; i++) {
    const parameter = route.parameters[i] as CompiledRoute['parameters'][number]
    const raw = captured[i] as string
    const encoded = raw.includes('%')
    if (encoded && !parameter.slashes && raw.includes('%2F')) throw protocolFault('target_encoded_slash')
    // The target's grammar made sure that this is UTF-8 without controls, backslashes and dot segments.
    args[parameter.name] = encoded ? decodeURIComponent(raw) : raw
  }
  return args
}

/** `?key=k&`: octokit leaves the separator of an optional parameter behind it, and no server reads anything after it. */
function withoutTail(query: string): string {
  return /[^&]&$/.test(query) ? query.slice(0, -1) : query
}

function pairArguments(text: string, route: CompiledRoute): JsonObject {
  const args: JsonObject = Object.create(null)
  for (const [name, value] of parsePairs(text)) placeParameter(args, name, value, route.repeats)
  return args
}

interface BodyArguments {
  readonly origin: 'text' | 'native'
  readonly args: JsonObject
}

function bodyArguments(route: CompiledRoute, facts: RequestFacts): BodyArguments | null {
  if (facts.body.kind === 'none') return null
  if (route.bodies.length === 0) throw protocolFault('body_unexpected')
  if (route.bodies[0] === 'stream') return null
  if (facts.body.kind === 'streamed') throw protocolFault('body_not_inspected')
  const { bytes } = facts.body
  const kind = bodyKindOf(route, facts)
  if (kind !== null && bytes.length > route.maxBodyBytes(kind)) throw protocolFault('body_too_large')
  switch (kind) {
    case 'form':
      return { origin: 'text', args: pairArguments(fromUtf8(bytes), route) }
    case 'json':
      return { origin: 'native', args: jsonArguments(bytes) }
    case 'multipart':
      return { origin: 'text', args: partArguments(bytes, facts, route) }
    case 'stream':
    case null:
      throw protocolFault('content_type_mismatch')
  }
}

/** The parser that the Content-Type asks for, if the catalog allows that one; null otherwise. */
export function bodyKindOf(route: CompiledRoute, head: RequestHead): BodyKind | null {
  const value = headerValue(head, 'content-type')
  const type = value === null ? null : parseContentType(value)
  if (type === null || (type.charset !== null && type.charset !== 'utf-8')) return null
  const kind = MEDIA_TYPES.get(type.type)
  return kind !== undefined && route.bodies.includes(kind) ? kind : null
}

function jsonArguments(bytes: Uint8Array): JsonObject {
  const value = parseStrictJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw protocolFault('body_not_object')
  return value
}

/** Fields become text, a file becomes its name and size. */
function partArguments(bytes: Uint8Array, head: RequestHead, route: CompiledRoute): JsonObject {
  const boundary = parseContentType(headerValue(head, 'content-type') ?? '')?.boundary ?? null
  if (boundary === null) throw protocolFault('multipart_invalid')
  const args: JsonObject = Object.create(null)
  for (const part of parseMultipart(bytes, boundary)) {
    if (part.filename === null) {
      if (part.bytes.length > MAX_FIELD_BYTES) throw protocolFault('body_too_large')
      placeParameter(args, part.name, fromUtf8(part.bytes), route.repeats)
    } else {
      const file: JsonObject = Object.assign(Object.create(null), {
        filename: part.filename,
        lengthBytes: part.bytes.length,
      })
      placeParameter(args, part.name, file, route.repeats)
    }
  }
  return args
}

function join(args: JsonObject, more: JsonObject): void {
  for (const name of Object.keys(more)) {
    if (name in args) throw protocolFault('parameter_ambiguous')
    args[name] = more[name] as JsonObject[string]
  }
}
