import { fromBase64, fromUtf8, type JsonObject, type JsonValue, parseStrictJson } from '../../canon/index.js'
import { parseContentType } from '../content-type.js'
import { protocolFault } from '../error-table.js'
import type { RequestBody } from '../request.js'
import { isSharedHeader } from './headers.js'
import type { HttpTemplate } from './http-template.js'
import { structureOfNative } from './native-arguments.js'
import type { CompiledOperation } from './operation.js'
import { blobOfBytes, emptyObject, type Reading, scalarOfText } from './reading.js'
import type { RestRequest } from './rest-request.js'
import type { OpenField, OpenStructure } from './shape.js'
import { parseXml } from './xml.js'
import { structureOfXml } from './xml-arguments.js'

/** A REST request that one operation was found for. */
export interface RestCall {
  readonly request: RestRequest
  readonly template: HttpTemplate
  /** Label → raw segment. */
  readonly captured: ReadonlyMap<string, string>
  readonly wire: 'rest-json' | 'rest-xml'
}

/** Arguments of path, query, headers and body in one object. */
export function argumentsOfRest(
  call: RestCall,
  operation: CompiledOperation,
  body: RequestBody,
  reading: Reading,
): JsonObject {
  const places = placesOf(operation.input)
  const args = emptyObject()
  for (const [label, raw] of call.captured) {
    const field = places.path.get(label)
    const text = decodeURIComponent(raw)
    put(args, field?.name ?? label, field === undefined ? text : valueOfText(text, field, reading))
  }
  takeQuery(args, call, operation.input, places, reading)
  takeHeaders(args, call, places, reading)
  takeBody(args, call, places, body, reading)
  return args
}

/** The members of an input by where they stand. */
export interface Places {
  readonly path: ReadonlyMap<string, OpenField>
  readonly query: ReadonlyMap<string, OpenField>
  readonly queryMap: OpenField | null
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, OpenField>
  readonly headerMaps: readonly { readonly prefix: string; readonly field: OpenField }[]
  readonly payload: OpenField | null
  readonly body: OpenStructure
}

const PLACES = new WeakMap<OpenStructure, Places>()

/** Worked out once for each input. */
export function placesOf(input: OpenStructure): Places {
  const known = PLACES.get(input)
  if (known !== undefined) return known
  const fields = [...input.fields.values()]
  const at = (place: OpenField['at']) => fields.filter(field => field.at === place)
  const named = (place: OpenField['at']) => at(place).map(field => [field.as ?? field.name, field] as const)
  const body = at(undefined).filter(field => field.payload !== true)
  const places: Places = {
    path: new Map(named('path')),
    query: new Map(named('query')),
    queryMap: at('querymap')[0] ?? null,
    headers: new Map(named('header').map(([name, field]) => [name.toLowerCase(), field])),
    headerMaps: named('headers').map(([prefix, field]) => ({ prefix: prefix.toLowerCase(), field })),
    payload: fields.find(field => field.payload === true) ?? null,
    body: { kind: 'fields', fields: new Map(body.map(field => [field.name, field])) },
  }
  PLACES.set(input, places)
  return places
}

/** Lower-case names of headers that an operation's input declares. */
export function declaredHeaders(input: OpenStructure): ReadonlySet<string> {
  return new Set(placesOf(input).headers.keys())
}

/** True where some of the input stands in the body. */
export function hasBody(input: OpenStructure): boolean {
  const { payload, body } = placesOf(input)
  return payload !== null || body.fields.size > 0
}

function put(args: JsonObject, name: string, value: JsonValue): void {
  if (name in args) throw protocolFault('parameter_ambiguous')
  args[name] = value
}

function takeQuery(
  args: JsonObject,
  { request, template }: RestCall,
  input: OpenStructure,
  places: Places,
  reading: Reading,
): void {
  const fixed = new Map(
    template.conditions.flatMap(({ at, name, value, fixed }) =>
      at === 'query' && fixed ? [[name, value]] : [],
    ),
  )
  const free = emptyObject()
  for (const [name, values] of request.query) {
    const field = places.query.get(name)
    if (field !== undefined) put(args, field.name, queryValue(values, field, reading))
    else if (fixed.has(name)) {
      // ATTACK: `?delete=x`, which selects for one reader and not for another.
      if (values.length > 1 || values[0] !== (fixed.get(name) ?? ''))
        throw protocolFault('parameter_ambiguous')
    } else if (places.queryMap !== null)
      free[name] = values.length === 1 ? (values[0] as string) : [...values]
    else reading.keepUndeclared(args, name, values.length === 1 ? (values[0] as string) : [...values], input)
  }
  if (places.queryMap !== null && Object.keys(free).length > 0) put(args, places.queryMap.name, free)
}

function queryValue(values: readonly string[], field: OpenField, reading: Reading): JsonValue {
  const shape = reading.shapes.open(field.is)
  if (shape.kind === 'list') {
    const item = reading.shapes.open(shape.of)
    return values.map(value => (item.kind === 'scalar' ? scalarOfText(item.type, value, reading) : value))
  }
  if (values.length > 1) throw protocolFault('parameter_duplicate')
  return valueOfText(values[0] as string, field, reading)
}

function valueOfText(text: string, field: OpenField, reading: Reading): JsonValue {
  const shape = reading.shapes.open(field.is)
  return shape.kind === 'scalar' ? scalarOfText(shape.type, text, reading) : text
}

function takeHeaders(args: JsonObject, { request }: RestCall, places: Places, reading: Reading): void {
  const maps = new Map<string, JsonObject>()
  for (const [name, value] of request.headers) {
    const field = places.headers.get(name)
    if (field !== undefined) {
      if (field !== places.payload) put(args, field.name, headerValueOf(value, field, reading))
      continue
    }
    const map = places.headerMaps.find(({ prefix }) => name.startsWith(prefix))
    if (map !== undefined) {
      const entries = maps.get(map.field.name) ?? emptyObject()
      entries[name.slice(map.prefix.length)] = value
      maps.set(map.field.name, entries)
    } else if (!isSharedHeader(name)) reading.doubt('a header that the model doesn’t declare')
  }
  for (const [name, entries] of maps) put(args, name, entries)
}

function headerValueOf(value: string, field: OpenField, reading: Reading): JsonValue {
  if (field.json) return parseStrictJson(fromBase64(value))
  const shape = reading.shapes.open(field.is)
  if (shape.kind === 'scalar') return scalarOfText(shape.type, value, reading)
  if (shape.kind !== 'list') return value
  const item = reading.shapes.open(shape.of)
  return value
    .split(',')
    .map(part => part.trim())
    .map(part => (item.kind === 'scalar' ? scalarOfText(item.type, part, reading) : part))
}

function takeBody(
  args: JsonObject,
  call: RestCall,
  places: Places,
  body: RequestBody,
  reading: Reading,
): void {
  if (body.kind === 'none') return
  const { payload } = places
  if (body.kind === 'streamed') {
    if (payload?.stream !== true) throw protocolFault('body_not_inspected')
    return
  }
  if (payload === null) {
    for (const [name, value] of Object.entries(structureOf(call, places.body, body.bytes, reading)))
      put(args, name, value)
    return
  }
  const shape = reading.shapes.open(payload.is)
  if (shape.kind === 'fields') put(args, payload.name, structureOf(call, shape, body.bytes, reading))
  else if (shape.kind === 'scalar') put(args, payload.name, payloadText(shape.type, body.bytes))
  else put(args, payload.name, otherPayload(call, payload, body.bytes, reading))
}

function payloadText(type: string, bytes: Uint8Array): JsonValue {
  if (type === 'blob') return blobOfBytes(bytes)
  return type === 'any' ? parseStrictJson(bytes) : fromUtf8(bytes)
}

/** A list or a map as the whole body: read as the one member of a structure. */
function otherPayload(call: RestCall, payload: OpenField, bytes: Uint8Array, reading: Reading): JsonValue {
  if (call.wire === 'rest-xml') throw protocolFault('aws_xml')
  checkType(call, JSON_TYPES)
  const whole = Object.assign(emptyObject(), { [payload.as ?? payload.name]: parseStrictJson(bytes) })
  const shape: OpenStructure = { kind: 'fields', fields: new Map([[payload.name, payload]]) }
  return structureOfNative(whole, shape, 'body', reading)[payload.name] as JsonValue
}

function structureOf(call: RestCall, shape: OpenStructure, bytes: Uint8Array, reading: Reading): JsonObject {
  if (call.wire === 'rest-xml') {
    checkType(call, XML_TYPES)
    return structureOfXml(parseXml(bytes), shape, reading)
  }
  checkType(call, JSON_TYPES)
  const value = parseStrictJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw protocolFault('body_not_object')
  return structureOfNative(value, shape, 'body', reading)
}

const JSON_TYPES = ['application/json', 'application/x-amz-json-1.1', 'application/x-amz-json-1.0']
const XML_TYPES = ['application/xml', 'text/xml']

/** Older clients name no type: the operation settles the parser, and a type that is named has to agree. */
function checkType({ request }: RestCall, types: readonly string[]): void {
  const value = request.headers.get('content-type')
  if (value === undefined) return
  const type = parseContentType(value)
  if (type === null || !types.includes(type.type) || (type.charset !== null && type.charset !== 'utf-8'))
    throw protocolFault('content_type_mismatch')
}
