import { base64, fromBase64, type JsonObject, type JsonValue, utf8 } from '../../canon/index.js'
import type { Header, RawRequest } from '../request.js'
import type { HttpTemplate } from './http-template.js'
import type { CompiledOperation } from './operation.js'
import { placesOf } from './rest-arguments.js'
import type { CompiledService } from './service.js'
import type { OpenField, ShapeBook } from './shape.js'
import { SIGV4_ALGORITHM, scopeText, UNSIGNED_PAYLOAD } from './sigv4.js'
import { formPairs, jsonBody, textOf, xmlBody } from './write-body.js'

/** Where a request goes: what its signature is for, and the host. */
export interface AwsDestination {
  readonly service: CompiledService
  readonly region: string
  readonly host: string
}

/** An example's request says when, and nobody looks at it. */
const DATE = '20260101T000000Z'

/**
 * The headers of a signed request whose signature is none: which service and region is meant is said by the signature
 * alone, so that no request can be shown without one.
 */
export function exampleSignature(signingName: string, region: string, host: string): readonly Header[] {
  const scope = scopeText({ date: DATE, region, service: signingName })
  return [
    ['host', host],
    ['x-amz-date', DATE],
    ['x-amz-content-sha256', UNSIGNED_PAYLOAD],
    [
      'authorization',
      `${SIGV4_ALGORITHM} Credential=example/${scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${'0'.repeat(64)}`,
    ],
  ]
}

/** A request for an operation with these arguments, as its service's main protocol writes it. */
export function writeAwsRequest(
  { service, region, host }: AwsDestination,
  operation: CompiledOperation,
  args: JsonObject,
): RawRequest | null {
  const signed = exampleSignature(service.signingName, region, host)
  const { input, name } = operation
  const wire = service.mainWire
  switch (wire) {
    case 'query':
    case 'ec2': {
      const pairs = formPairs(args, input, wire, service.shapes)
      const all = [['Action', name], ['Version', service.apiVersion] as const, ...pairs]
      const body = all.map(pair => pair.map(part => encoded(part as string)).join('=')).join('&')
      return post(signed, 'application/x-www-form-urlencoded', body)
    }
    case 'json': {
      const headers: readonly Header[] = [...signed, ['x-amz-target', `${service.targetPrefix}.${name}`]]
      const body = JSON.stringify(jsonBody(args, input, 'body', service.shapes))
      return post(headers, 'application/x-amz-json-1.1', body)
    }
    case 'rest-json':
    case 'rest-xml':
      return restRequest(service, operation, args, signed)
    // No service speaks CBOR first.
    case 'cbor':
      return null
  }
}

function post(headers: readonly Header[], contentType: string, body: string): RawRequest {
  return {
    method: 'POST',
    target: '/',
    headers: [...headers, ['content-type', contentType]],
    body: utf8(body),
  }
}

function restRequest(
  service: CompiledService,
  operation: CompiledOperation,
  given: JsonObject,
  signed: readonly Header[],
): RawRequest | null {
  const binding = service.bindingsOf(operation.name)[0]
  if (binding === undefined) return null
  const places = placesOf(operation.input)
  const { shapes } = service
  const args = { ...samplesFor(binding, operation), ...given }
  const path = binding.segments.map(segment => {
    if (segment.kind === 'literal') return segment.text
    const field = places.path.get(segment.label)
    const text = textOf(args[field?.name ?? segment.label] ?? (field?.is === 'int' ? 1 : 'example'))
    return (segment.kind === 'rest' ? text.split('/') : [text]).map(encoded).join('/')
  })
  const query: string[] = binding.conditions.flatMap(({ at, name, value, fixed }) =>
    at === 'query' && fixed ? [value === null ? name : `${name}=${encoded(value)}`] : [],
  )
  const headers: Header[] = [...signed]
  const body: JsonObject = {}
  let payload: readonly [OpenField, JsonValue] | null = null
  for (const [name, value] of Object.entries(args)) {
    const field = operation.input.fields.get(name)
    const wire = field?.as ?? name
    if (field?.payload === true) payload = [field, value]
    else if (field === undefined || field.at === undefined) body[name] = value
    else if (field.at === 'query')
      for (const each of Array.isArray(value) ? value : [value])
        query.push(`${encoded(wire)}=${encoded(textOf(each))}`)
    else if (field.at === 'querymap')
      for (const [key, each] of Object.entries(value as JsonObject))
        query.push(`${encoded(key)}=${encoded(textOf(each))}`)
    else if (field.at === 'header') headers.push([wire.toLowerCase(), headerText(value, field)])
    else if (field.at === 'headers')
      for (const [key, each] of Object.entries(value as JsonObject))
        headers.push([`${wire}${key}`.toLowerCase(), textOf(each)])
  }
  const target = `/${path.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}`
  const request = { method: binding.method, target, headers }
  if (payload !== null) return withPayload(request, payload, service.mainWire, shapes)
  if (Object.keys(body).length === 0) return { ...request, body: null }
  if (service.mainWire === 'rest-xml')
    return withBody(
      request,
      'application/xml',
      xmlBody(`${operation.name}Request`, body, places.body, shapes),
    )
  return withBody(
    request,
    'application/json',
    utf8(JSON.stringify(jsonBody(body, places.body, 'body', shapes))),
  )
}

/** What has to be given for the operation to be this one: `?partNumber`, `!x-amz-copy-source`. */
function samplesFor({ conditions }: HttpTemplate, { input }: CompiledOperation): JsonObject {
  const fields = [...input.fields.values()]
  return Object.fromEntries(
    conditions
      .filter(({ fixed }) => !fixed)
      .flatMap(({ name, at }) => {
        const field = fields.find(each => (each.as ?? each.name).toLowerCase() === name.toLowerCase())
        if (field === undefined || field.at !== at) return []
        return [[field.name, field.is === 'int' ? 1 : 'example/example']]
      }),
  )
}

function headerText(value: JsonValue, field: OpenField): string {
  if (field.json === true) return base64(utf8(JSON.stringify(value)))
  return Array.isArray(value) ? value.map(textOf).join(',') : textOf(value)
}

function withPayload(
  request: Omit<RawRequest, 'body'>,
  [field, value]: readonly [OpenField, JsonValue],
  wire: 'rest-json' | 'rest-xml' | (string & {}),
  shapes: ShapeBook,
): RawRequest {
  const shape = shapes.open(field.is)
  const name = field.as ?? field.name
  if (shape.kind === 'fields' && typeof value === 'object' && value !== null && !Array.isArray(value))
    return wire === 'rest-xml'
      ? withBody(request, 'application/xml', xmlBody(name, value, shape, shapes))
      : withBody(request, 'application/json', utf8(JSON.stringify(jsonBody(value, shape, 'body', shapes))))
  if (shape.kind === 'scalar' && shape.type !== 'any')
    return withBody(request, 'application/octet-stream', payloadBytes(shape.type, value))
  return withBody(request, 'application/json', utf8(JSON.stringify(value)))
}

function payloadBytes(type: string, value: JsonValue): Uint8Array {
  const text = textOf(value)
  if (type !== 'blob') return utf8(text)
  try {
    return fromBase64(text)
  } catch {
    return utf8(text)
  }
}

function withBody(
  { headers, ...request }: Omit<RawRequest, 'body'>,
  contentType: string,
  body: Uint8Array,
): RawRequest {
  const typed = headers.some(([name]) => name === 'content-type')
  return { ...request, headers: typed ? headers : [...headers, ['content-type', contentType]], body }
}

/** RFC 3986 as SigV4 wants it: everything but unreserved characters. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
