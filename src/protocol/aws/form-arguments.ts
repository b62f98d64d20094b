import type { JsonObject, JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import type { Pair } from '../parameter-pairs.js'
import { emptyObject, fieldsBy, type Reading, scalarOfText } from './reading.js'
import type { OpenShape, OpenStructure } from './shape.js'

/*
 * The query protocols write a structure as flat names:
 *
 *   InstanceId.1=i-1&Filter.1.Name=tag:x&Filter.1.Value.1=y              ec2: lists have no element of their own
 *   Tags.member.1.Key=a&Attributes.entry.1.key=b&Attributes.entry.1.value=c            query
 *   Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=30                   query, flattened
 */

/** Which of the two is spoken. */
export type FormWire = 'query' | 'ec2'

/** What stands below one name. */
interface Node {
  value: string | null
  readonly below: Map<string, Node>
}

const MAX_PARAMETERS = 20_000
const MAX_DEPTH = 32
/** What a name's part may be made of; map keys are values and not names. */
const PART = /^[A-Za-z0-9_:-]+$/

/**
 * Arguments out of a form's pairs, Action and Version taken out. Throws `parameter_duplicate` for a name that comes
 * twice, `parameter_structure` for names that contradict each other or leave a list with gaps, `parameter_ambiguous`
 * for two spellings of one.
 */
export function argumentsOfForm(
  pairs: readonly Pair[],
  input: OpenStructure,
  wire: FormWire,
  reading: Reading,
): JsonObject {
  if (pairs.length > MAX_PARAMETERS) throw protocolFault('parameter_structure')
  const root: Node = { value: null, below: new Map() }
  for (const [name, value] of pairs) place(root, name, value)
  return structureOf(root, input, wire, reading)
}

function place(root: Node, name: string, value: string): void {
  const parts = name.split('.')
  if (parts.length > MAX_DEPTH) throw protocolFault('parameter_structure')
  let node = root
  for (const part of parts) {
    if (!PART.test(part)) throw protocolFault('parameter_structure')
    let next = node.below.get(part)
    if (next === undefined) {
      next = { value: null, below: new Map() }
      node.below.set(part, next)
    }
    node = next
  }
  if (node.value !== null) throw protocolFault('parameter_duplicate')
  node.value = value
}

function structureOf(node: Node, shape: OpenStructure, wire: FormWire, reading: Reading): JsonObject {
  const fields = fieldsBy(wire, shape)
  const args = emptyObject()
  for (const [part, below] of node.below) {
    const field = fields.get(part)
    if (field === undefined) keepAll(args, part, below, shape, reading)
    else args[field.name] = valueFrom(below, reading.shapes.open(field.is), wire, reading)
  }
  return args
}

function keepAll(args: JsonObject, name: string, node: Node, shape: OpenStructure, reading: Reading): void {
  if (node.value !== null) reading.keepUndeclared(args, name, node.value, shape)
  for (const [part, below] of node.below) keepAll(args, `${name}.${part}`, below, shape, reading)
}

function valueFrom(node: Node, shape: OpenShape, wire: FormWire, reading: Reading): JsonValue {
  if (shape.kind === 'scalar') {
    if (node.value === null || node.below.size > 0) throw protocolFault('parameter_structure')
    return scalarOfText(shape.type, node.value, reading)
  }
  if (node.value !== null && (node.value !== '' || node.below.size > 0))
    throw protocolFault('parameter_structure')
  switch (shape.kind) {
    case 'list':
      return listOf(node, shape, wire, reading)
    case 'map':
      return mapOf(node, shape, wire, reading)
    case 'fields':
      return structureOf(node, shape, wire, reading)
  }
}

function listOf(
  node: Node,
  shape: Extract<OpenShape, { kind: 'list' }>,
  wire: FormWire,
  reading: Reading,
): JsonValue {
  const item = reading.shapes.open(shape.of)
  const holder = shape.flat || wire === 'ec2' ? node : onlyBelow(node, shape.item ?? 'member')
  return itemsOf(holder).map(entry => valueFrom(entry, item, wire, reading))
}

function mapOf(
  node: Node,
  shape: Extract<OpenShape, { kind: 'map' }>,
  wire: FormWire,
  reading: Reading,
): JsonValue {
  const member = reading.shapes.open(shape.of)
  const args = emptyObject()
  for (const entry of itemsOf(shape.flat ? node : onlyBelow(node, 'entry'))) {
    const key = entry.below.get(shape.key)
    const value = entry.below.get(shape.value)
    const known = (key === undefined ? 0 : 1) + (value === undefined ? 0 : 1)
    if (entry.value !== null || key === undefined || key.below.size > 0 || entry.below.size !== known)
      throw protocolFault('parameter_structure')
    if (key.value === null || key.value in args) throw protocolFault('parameter_duplicate')
    args[key.value] = value === undefined ? null : valueFrom(value, member, wire, reading)
  }
  return args
}

/** What stands below the one name that a list or map has here; an empty one has none. */
function onlyBelow(node: Node, name: string): Node {
  if (node.below.size === 0) return node
  const below = node.below.get(name)
  if (below === undefined || node.below.size > 1 || below.value !== null)
    throw protocolFault('parameter_structure')
  return below
}

/** Items 1…n in their order. ATTACK: a gap, or `01`, which servers close, skip or take for another list. */
function itemsOf(node: Node): readonly Node[] {
  return Array.from({ length: node.below.size }, (_, i) => {
    const item = node.below.get(String(i + 1))
    if (item === undefined) throw protocolFault('parameter_structure')
    return item
  })
}
