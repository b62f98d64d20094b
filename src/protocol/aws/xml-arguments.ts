import type { JsonObject, JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import { emptyObject, fieldsBy, type Reading, scalarOfText } from './reading.js'
import type { OpenField, OpenShape, OpenStructure } from './shape.js'
import type { XmlElement } from './xml.js'

/**
 * Arguments out of the elements below one. Throws `parameter_duplicate` for a member that comes twice and isn't a
 * list, `parameter_structure` for text where elements belong and the other way round.
 */
export function structureOfXml(element: XmlElement, shape: OpenStructure, reading: Reading): JsonObject {
  if (element.below.length === 0 && element.text.trim() !== '') throw protocolFault('parameter_structure')
  const fields = fieldsBy('body', shape)
  const args = emptyObject()
  const groups = new Map<string, XmlElement[]>()
  for (const below of element.below) {
    const same = groups.get(below.name)
    if (same === undefined) groups.set(below.name, [below])
    else same.push(below)
  }
  for (const [name, elements] of groups) {
    const field = fields.get(name)
    if (field === undefined) keep(args, name, elements, shape, reading)
    else args[field.name] = memberOf(elements, field, reading)
  }
  return args
}

function memberOf(elements: readonly XmlElement[], field: OpenField, reading: Reading): JsonValue {
  const shape = reading.shapes.open(field.is)
  if (shape.kind === 'list' && shape.flat) {
    const item = reading.shapes.open(shape.of)
    return elements.map(element => valueFrom(element, item, reading))
  }
  if (shape.kind === 'map' && shape.flat) return mapOf(elements, shape, reading)
  if (elements.length > 1) throw protocolFault('parameter_duplicate')
  return valueFrom(elements[0] as XmlElement, shape, reading)
}

function valueFrom(element: XmlElement, shape: OpenShape, reading: Reading): JsonValue {
  switch (shape.kind) {
    case 'scalar':
      if (element.below.length > 0) throw protocolFault('parameter_structure')
      return scalarOfText(shape.type, element.text, reading)
    case 'fields':
      return structureOfXml(element, shape, reading)
    case 'list': {
      const item = reading.shapes.open(shape.of)
      return itemsOf(element, shape.item ?? 'member').map(entry => valueFrom(entry, item, reading))
    }
    case 'map':
      return mapOf(itemsOf(element, 'entry'), shape, reading)
  }
}

/** All elements below carry the one name. */
function itemsOf(element: XmlElement, name: string): readonly XmlElement[] {
  if (element.below.some(below => below.name !== name)) throw protocolFault('parameter_structure')
  if (element.below.length === 0 && element.text.trim() !== '') throw protocolFault('parameter_structure')
  return element.below
}

function mapOf(
  entries: readonly XmlElement[],
  shape: Extract<OpenShape, { kind: 'map' }>,
  reading: Reading,
): JsonObject {
  const member = reading.shapes.open(shape.of)
  const args = emptyObject()
  for (const { below } of entries) {
    const [key, value] = below
    if (below.length !== 2 || key?.name !== shape.key || value?.name !== shape.value)
      throw protocolFault('parameter_structure')
    if (key.text in args) throw protocolFault('parameter_duplicate')
    args[key.text] = valueFrom(value, member, reading)
  }
  return args
}

function keep(
  args: JsonObject,
  name: string,
  elements: readonly XmlElement[],
  shape: OpenStructure,
  reading: Reading,
): void {
  const values = elements.map(untyped)
  reading.keepUndeclared(args, name, values.length === 1 ? (values[0] as JsonValue) : values, shape)
}

function untyped(element: XmlElement): JsonValue {
  if (element.below.length === 0) return element.text
  return element.below.map(below => Object.assign(emptyObject(), { [below.name]: untyped(below) }))
}
