import { type JsonObject, type JsonValue, utf8 } from '../../canon/index.js'
import type { FormWire } from './form-arguments.js'
import { emptyObject, type Naming, wireName } from './reading.js'
import type { OpenShape, OpenStructure, ShapeBook } from './shape.js'

/* Arguments back into the bodies that they are read from. A value that its shape doesn't expect is written as it is. */

/** `InstanceId.1=i-1&Force=true`: the pairs of a query protocol. */
export function formPairs(
  args: JsonObject,
  input: OpenStructure,
  wire: FormWire,
  shapes: ShapeBook,
): readonly (readonly [name: string, value: string])[] {
  const pairs: [string, string][] = []
  const writeFields = (members: JsonObject, shape: OpenStructure, before: string): void => {
    for (const [name, value] of Object.entries(members)) {
      const field = shape.fields.get(name)
      const path = `${before}${field === undefined ? name : wireName(field, wire)}`
      if (field === undefined) pairs.push([path, textOf(value)])
      else write(value, shapes.open(field.is), path)
    }
  }
  const write = (value: JsonValue, shape: OpenShape, name: string): void => {
    if (shape.kind === 'list' && Array.isArray(value)) {
      const base = shape.flat || wire === 'ec2' ? name : `${name}.${shape.item ?? 'member'}`
      if (value.length === 0) pairs.push([name, ''])
      for (const [at, item] of value.entries()) write(item, shapes.open(shape.of), `${base}.${at + 1}`)
    } else if (shape.kind === 'map' && isObject(value)) {
      const base = shape.flat ? name : `${name}.entry`
      for (const [at, [key, member]] of Object.entries(value).entries()) {
        pairs.push([`${base}.${at + 1}.${shape.key}`, key])
        write(member, shapes.open(shape.of), `${base}.${at + 1}.${shape.value}`)
      }
    } else if (shape.kind === 'fields' && isObject(value)) writeFields(value, shape, `${name}.`)
    else pairs.push([name, textOf(value)])
  }
  writeFields(args, input, '')
  return pairs
}

/** A structure under the names that it has in a JSON body. */
export function jsonBody(
  args: JsonObject,
  structure: OpenStructure,
  naming: Naming,
  shapes: ShapeBook,
): JsonObject {
  const written = emptyObject()
  for (const [name, value] of Object.entries(args)) {
    const field = structure.fields.get(name)
    if (field === undefined) written[name] = value
    else written[wireName(field, naming)] = jsonValue(value, shapes.open(field.is), naming, shapes)
  }
  return written
}

function jsonValue(value: JsonValue, shape: OpenShape, naming: Naming, shapes: ShapeBook): JsonValue {
  if (shape.kind === 'list' && Array.isArray(value))
    return value.map(item => jsonValue(item, shapes.open(shape.of), naming, shapes))
  if (!isObject(value)) return value
  if (shape.kind === 'fields') return jsonBody(value, shape, naming, shapes)
  if (shape.kind !== 'map') return value
  const written = emptyObject()
  for (const [key, member] of Object.entries(value))
    written[key] = jsonValue(member, shapes.open(shape.of), naming, shapes)
  return written
}

/** A structure as one XML document. */
export function xmlBody(root: string, args: JsonObject, shape: OpenStructure, shapes: ShapeBook): Uint8Array {
  return utf8(element(root, xmlFields(args, shape, shapes)))
}

function xmlFields(args: JsonObject, structure: OpenStructure, shapes: ShapeBook): string {
  return Object.entries(args)
    .map(([name, value]) => {
      const field = structure.fields.get(name)
      if (field === undefined) return element(name, escaped(textOf(value)))
      return xmlMember(wireName(field, 'body'), value, shapes.open(field.is), shapes)
    })
    .join('')
}

function xmlMember(name: string, value: JsonValue, shape: OpenShape, shapes: ShapeBook): string {
  if (shape.kind === 'list' && Array.isArray(value)) {
    const items = value.map(item =>
      xmlMember(shape.flat ? name : (shape.item ?? 'member'), item, shapes.open(shape.of), shapes),
    )
    return shape.flat ? items.join('') : element(name, items.join(''))
  }
  if (shape.kind === 'map' && isObject(value)) {
    const entries = Object.entries(value).map(([key, member]) =>
      element(
        shape.flat ? name : 'entry',
        element(shape.key, escaped(key)) + xmlMember(shape.value, member, shapes.open(shape.of), shapes),
      ),
    )
    return shape.flat ? entries.join('') : element(name, entries.join(''))
  }
  if (shape.kind === 'fields' && isObject(value)) return element(name, xmlFields(value, shape, shapes))
  return element(name, escaped(textOf(value)))
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, character => ESCAPES[character] as string)
}

/** A scalar as text; what is none as JSON. */
export function textOf(value: JsonValue): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
