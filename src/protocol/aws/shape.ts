import { malformed, readMap, readMembers, readObject, readOneOf, readText } from '../document-shape.js'
import type { AwsField, AwsScalar, AwsShape, AwsStructure } from './document.js'

/** A shape of the model, checked and ready to decode by. What lies below it is opened when it is asked for. */
export type OpenShape =
  | { readonly kind: 'scalar'; readonly type: AwsScalar }
  | { readonly kind: 'list'; readonly of: AwsShape; readonly item: string | null; readonly flat: boolean }
  | {
      readonly kind: 'map'
      readonly of: AwsShape
      readonly key: string
      readonly value: string
      readonly flat: boolean
    }
  | OpenStructure

export interface OpenStructure {
  readonly kind: 'fields'
  readonly fields: ReadonlyMap<string, OpenField>
}

export interface OpenField extends AwsField {
  readonly name: string
}

const SCALARS: readonly AwsScalar[] = ['string', 'int', 'double', 'bool', 'blob', 'time', 'any']
const PLACES = ['path', 'query', 'header', 'headers', 'querymap'] as const
/** A reference leads to a shape, and no model writes longer chains. */
const MAX_REFERENCES = 8

/**
 * The shapes of one service by name. A shape is checked when it is first opened and then kept; throws
 * `catalog_malformed`.
 */
export class ShapeBook {
  private readonly shapes: Readonly<Record<string, unknown>>
  private readonly opened = new WeakMap<object, OpenShape>()

  constructor(shapes: Readonly<Record<string, unknown>>) {
    this.shapes = shapes
  }

  open(shape: AwsShape, references = 0): OpenShape {
    if (typeof shape === 'string') return SCALAR_SHAPES.get(shape) ?? readScalar(shape)
    const known = this.opened.get(shape)
    if (known !== undefined) return known
    const opened = this.read(shape, references)
    this.opened.set(shape, opened)
    return opened
  }

  /** An operation's input. */
  structure(shape: AwsStructure): OpenStructure {
    const opened = this.open(shape)
    if (opened.kind !== 'fields') throw malformed('input', 'a structure')
    return opened
  }

  private read(shape: unknown, references: number): OpenShape {
    const members = readObject(shape, 'shape')
    if (Object.hasOwn(members, 'ref')) {
      const name = readText(readMembers(shape, 'shape', ['ref']).ref, 'shape.ref')
      if (references === MAX_REFERENCES || !Object.hasOwn(this.shapes, name))
        throw malformed(`shapes.${name}`, 'a shape')
      return this.open(readShape(this.shapes[name], `shapes.${name}`), references + 1)
    }
    if (Object.hasOwn(members, 'list')) return readList(shape)
    if (Object.hasOwn(members, 'map')) return readMapShape(shape)
    const { fields } = readMembers(shape, 'shape', ['fields'])
    return { kind: 'fields', fields: new Map(Object.entries(readMap(fields, 'fields', readField))) }
  }
}

const SCALAR_SHAPES: ReadonlyMap<string, OpenShape> = new Map(
  SCALARS.map(type => [type, { kind: 'scalar', type }]),
)

function readScalar(shape: string): OpenShape {
  return { kind: 'scalar', type: readOneOf(shape, 'shape', SCALARS) }
}

function readList(shape: unknown): OpenShape {
  const it = readMembers(shape, 'list', ['list'], ['item', 'flat'])
  return {
    kind: 'list',
    of: readShape(it.list, 'list'),
    item: it.item === undefined ? null : readText(it.item, 'list.item'),
    flat: readTrue(it.flat, 'list.flat'),
  }
}

function readMapShape(shape: unknown): OpenShape {
  const it = readMembers(shape, 'map', ['map'], ['key', 'value', 'flat'])
  return {
    kind: 'map',
    of: readShape(it.map, 'map'),
    key: it.key === undefined ? 'key' : readText(it.key, 'map.key'),
    value: it.value === undefined ? 'value' : readText(it.value, 'map.value'),
    flat: readTrue(it.flat, 'map.flat'),
  }
}

function readField(value: unknown, where: string): OpenField {
  const it = readMembers(value, where, ['is'], ['as', 'query', 'at', 'payload', 'stream', 'json'])
  return {
    name: where.slice('fields.'.length),
    is: readShape(it.is, `${where}.is`),
    ...(it.as === undefined ? {} : { as: readText(it.as, `${where}.as`) }),
    ...(it.query === undefined ? {} : { query: readText(it.query, `${where}.query`) }),
    ...(it.at === undefined ? {} : { at: readOneOf(it.at, `${where}.at`, PLACES) }),
    ...(readTrue(it.payload, `${where}.payload`) ? { payload: true } : {}),
    ...(readTrue(it.stream, `${where}.stream`) ? { stream: true } : {}),
    ...(readTrue(it.json, `${where}.json`) ? { json: true } : {}),
  }
}

/** As far as it can be told without going deeper. */
function readShape(value: unknown, where: string): AwsShape {
  if (typeof value !== 'string') readObject(value, where)
  return value as AwsShape
}

/** True, or absent. */
function readTrue(value: unknown, where: string): boolean {
  if (value !== undefined && value !== true) throw malformed(where, 'true, or nothing')
  return value === true
}
