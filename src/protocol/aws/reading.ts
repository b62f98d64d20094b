import { base64, type JsonObject, type JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import { withoutTrailing } from '../trailing.js'
import type { AwsScalar } from './document.js'
import type { OpenField, OpenStructure, ShapeBook } from './shape.js'

/** By which of its names a member is called: its own, that of the main protocol's body, or that of a form. */
export type Naming = 'own' | 'body' | 'query' | 'ec2'

/** Blobs up to this size stay in the arguments as base64; a longer one becomes `{ lengthBytes }`. */
export const MAX_BLOB_BYTES = 4_096

/**
 * One request's arguments while they are decoded. What the model doesn't declare, or declares otherwise, is kept under
 * the name it came by and makes the request opaque: what the service does with it isn't understood.
 */
export class Reading {
  readonly shapes: ShapeBook
  /** The first reason why the request isn't understood whole; null while it is. */
  opaque: string | null = null
  /** The policy vouches for an operation that no model describes. */
  private readonly vouched: boolean

  constructor(shapes: ShapeBook, vouched: boolean) {
    this.shapes = shapes
    this.vouched = vouched
  }

  /** `reason` is the classifier's word, never the agent's. */
  doubt(reason: string): void {
    if (!this.vouched) this.opaque ??= reason
  }

  /**
   * Keeps what the structure doesn't declare. ATTACK: `instanceId`, or the member's own name where the wire has
   * another, which a lenient server might take for the declared one. Throws `parameter_ambiguous`.
   */
  keepUndeclared(into: JsonObject, name: string, value: JsonValue, structure: OpenStructure): void {
    if (name in into || foldedNames(structure).has(fold(name))) throw protocolFault('parameter_ambiguous')
    into[name] = value
    this.doubt('a parameter that the model doesn’t declare')
  }
}

/** An empty object without a prototype, as parsed ones are. */
export function emptyObject(): JsonObject {
  return Object.create(null)
}

/** Members of a structure by their names on one wire. */
export function fieldsBy(naming: Naming, structure: OpenStructure): ReadonlyMap<string, OpenField> {
  const byNaming = FIELDS.get(structure) ?? new Map<Naming, ReadonlyMap<string, OpenField>>()
  FIELDS.set(structure, byNaming)
  const known = byNaming.get(naming)
  if (known !== undefined) return known
  const fields = new Map([...structure.fields.values()].map(field => [wireName(field, naming), field]))
  byNaming.set(naming, fields)
  return fields
}

const FIELDS = new WeakMap<OpenStructure, Map<Naming, ReadonlyMap<string, OpenField>>>()
const FOLDED = new WeakMap<OpenStructure, ReadonlySet<string>>()

/** What a member is called on one wire. */
export function wireName(field: OpenField, naming: Naming): string {
  switch (naming) {
    case 'own':
      return field.name
    case 'body':
      return field.as ?? field.name
    case 'query':
      return field.query ?? field.as ?? field.name
    case 'ec2': {
      const name = field.query ?? field.as ?? field.name
      return name.charAt(0).toUpperCase() + name.slice(1)
    }
  }
}

function foldedNames(structure: OpenStructure): ReadonlySet<string> {
  const known = FOLDED.get(structure)
  if (known !== undefined) return known
  const names = [...structure.fields.values()].flatMap(({ name, as, query }) => [name, as, query])
  const folded = new Set(names.flatMap(name => (name === undefined ? [] : [fold(name)])))
  FOLDED.set(structure, folded)
  return folded
}

/** First part of a dotted name, in one case. */
function fold(name: string): string {
  const dot = name.indexOf('.')
  return (dot < 1 ? name : name.slice(0, dot)).toUpperCase().toLowerCase()
}

/** A scalar that came as text: form, path, query, header, XML. What doesn't fit its type stays text. */
export function scalarOfText(type: AwsScalar, text: string, reading: Reading): JsonValue {
  const value = typedText(type, text)
  if (value !== null) return value
  // ATTACK: `00` for a retention of none, which a rule on 0 wouldn't see and a lenient server would.
  reading.doubt('a value that is no canonical number or truth value')
  return text
}

/** Null where the text is none of its type. */
function typedText(type: AwsScalar, text: string): JsonValue {
  switch (type) {
    case 'int': {
      const value = /^(?:0|-?[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
      return Number.isSafeInteger(value) ? value : null
    }
    case 'double': {
      const value = /^-?[0-9]{1,16}(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,3})?$/.test(text)
        ? Number(text)
        : Number.NaN
      if (Number.isFinite(value)) return value
      return NOT_FINITE.has(text) ? text : null
    }
    case 'bool':
      // botocore writes `True` into headers.
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : null
    case 'blob':
      return blobOfText(text)
    default:
      return text
  }
}

/** How numbers are written that are none. */
export const NOT_FINITE: ReadonlySet<JsonValue> = new Set(['NaN', 'Infinity', '-Infinity'])

/** A blob in base64. */
export function blobOfText(text: string): JsonValue {
  const lengthBytes = Math.floor((withoutTrailing(text, '=').length * 3) / 4)
  return lengthBytes > MAX_BLOB_BYTES ? lengthOnly(lengthBytes) : text
}

/** A blob as it is, in the form that blobs have in arguments. */
export function blobOfBytes(bytes: Uint8Array): JsonValue {
  return bytes.length > MAX_BLOB_BYTES ? lengthOnly(bytes.length) : base64(bytes)
}

/** What stands for a blob that was too long, as a parser put it; never what a request says of itself. */
export function isLengthOnly(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && LENGTHS.has(value)
}

const LENGTHS = new WeakSet<object>()

function lengthOnly(lengthBytes: number): JsonObject {
  const length: JsonObject = Object.assign(emptyObject(), { lengthBytes })
  LENGTHS.add(length)
  return length
}
