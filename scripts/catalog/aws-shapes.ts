import type { AwsField, AwsShape, AwsStructure, AwsWire } from '../../src/protocol/index.js'
import type { AwsModel, ModelShape } from './aws-source.js'
import { SQS_ITEMS, SQS_NAMES } from './aws-sqs.js'

/** A shape that costs less than this where it is used is written there instead of by reference. */
const SMALL_BYTES = 40

/** Names that the model doesn't know, because they belong to another protocol than its own. */
interface OtherNames {
  readonly fields: Readonly<Record<string, string>>
  readonly items: Readonly<Record<string, { readonly key: string; readonly value: string }>>
}

/** SQS was a query service; older clients still speak so. */
const OTHER_NAMES: Readonly<Record<string, OtherNames>> = { sqs: { fields: SQS_NAMES, items: SQS_ITEMS } }

export interface ServiceShapes {
  /** Input of each operation that takes something. */
  readonly inputs: ReadonlyMap<string, AwsStructure>
  readonly shapes: Readonly<Record<string, AwsShape>>
}

/** The inputs of a service's operations, and what they share. Nothing that only outputs use is left. */
export function shapesOf(id: string, model: AwsModel, operations: readonly string[]): ServiceShapes {
  const writer = new ShapeWriter(id, model)
  const inputs = new Map<string, AwsStructure>()
  for (const name of operations) {
    const input = model.operations[name]?.input
    if (input === undefined) continue
    const structure = writer.input(name, input)
    if (Object.keys(structure.fields).length > 0) inputs.set(name, structure)
  }
  return share(inputs, writer.shapes)
}

class ShapeWriter {
  readonly shapes = new Map<string, AwsShape>()
  private readonly model: AwsModel
  private readonly wire: AwsWire
  private readonly other: OtherNames | undefined

  constructor(id: string, model: AwsModel) {
    this.model = model
    this.wire = model.metadata.protocol
    this.other = OTHER_NAMES[id]
  }

  input(operation: string, input: ModelShape): AwsStructure {
    const shape = this.resolve(input)
    const fields = this.fields(shape, operation)
    const payload = shape.payload
    if (payload === undefined) return { fields }
    const body = this.resolve(shape.members?.[payload] ?? {})
    const stream = body.streaming === true || body.type === 'blob'
    const field = fields[payload] as AwsField
    return { fields: { ...fields, [payload]: { ...field, payload: true, ...(stream ? { stream } : {}) } } }
  }

  private fields(shape: ModelShape, place: string): Record<string, AwsField> {
    return Object.fromEntries(
      Object.entries(shape.members ?? {})
        .filter(([, member]) => member.location !== 'statusCode')
        .map(([name, member]) => [name, this.field(name, member, place)]),
    )
  }

  private field(name: string, member: ModelShape, place: string): AwsField {
    const as = this.wireName(name, member)
    const at = this.location(member)
    const query = this.other?.fields[`${place}.${name}`] ?? this.other?.fields[name]
    const json = member.jsonvalue === true && at === 'header'
    return {
      is: this.typeOf(member, name),
      ...(as === name ? {} : { as }),
      ...(query === undefined ? {} : { query }),
      ...(at === undefined ? {} : { at }),
      ...(json ? { json } : {}),
    }
  }

  private wireName(name: string, member: ModelShape): string {
    if (this.wire === 'ec2') return member.queryName ?? upperFirst(member.locationName ?? name)
    if (this.wire !== 'query') return member.locationName ?? name
    // A flattened list takes the name of its items, in place of its own.
    const target = this.resolve(member)
    const item = target.flattened === true ? target.member?.locationName : undefined
    return item ?? member.locationName ?? name
  }

  private location(member: ModelShape): AwsField['at'] {
    switch (member.location) {
      case 'uri':
        return 'path'
      case 'header':
      case 'headers':
        return member.location
      case 'querystring':
        return this.resolve(member).type === 'map' ? 'querymap' : 'query'
      default:
        return undefined
    }
  }

  private typeOf(reference: ModelShape, place: string): AwsShape {
    const shape = this.resolve(reference)
    const scalar = scalarOf(shape)
    if (scalar !== undefined) return scalar
    // What the place adds to a shared shape (`flattened`) makes it another one.
    if (reference.shape === undefined || reference.flattened === true) return this.build(shape, place)
    if (!this.shapes.has(reference.shape)) {
      // Entered before it is built, so that a shape within itself is a reference.
      this.shapes.set(reference.shape, 'any')
      this.shapes.set(reference.shape, this.build(shape, place))
    }
    return { ref: reference.shape }
  }

  private build(shape: ModelShape, place: string): AwsShape {
    const named = this.wire === 'query' || this.wire === 'rest-xml'
    const flat = shape.flattened === true || (this.wire === 'ec2' && shape.type === 'list')
    if (shape.type === 'list') {
      const item = named && !flat ? shape.member?.locationName : undefined
      return {
        list: this.typeOf(shape.member ?? {}, place),
        ...(item === undefined || item === 'member' ? {} : { item }),
        ...(flat ? { flat } : {}),
      }
    }
    if (shape.type === 'map') {
      const key = this.other?.items[place]?.key ?? (named ? shape.key?.locationName : undefined)
      const value = this.other?.items[place]?.value ?? (named ? shape.value?.locationName : undefined)
      return {
        map: this.typeOf(shape.value ?? {}, place),
        ...(key === undefined || key === 'key' ? {} : { key }),
        ...(value === undefined || value === 'value' ? {} : { value }),
        ...(flat ? { flat } : {}),
      }
    }
    return { fields: this.fields(shape, place) }
  }

  /** The shape behind a reference, with what the place adds to it. */
  private resolve(reference: ModelShape): ModelShape {
    if (reference.shape === undefined) return reference
    const shape = this.model.shapes[reference.shape]
    if (shape === undefined) throw new Error(`aws-shapes: there is no shape ${reference.shape}`)
    return reference.flattened === true ? { ...shape, flattened: true } : shape
  }
}

function scalarOf(shape: ModelShape): AwsShape | undefined {
  if (shape.document === true) return 'any'
  switch (shape.type) {
    case undefined:
    case 'string':
    case 'character':
      return 'string'
    case 'integer':
    case 'long':
    case 'short':
    case 'byte':
      return 'int'
    case 'float':
    case 'double':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'blob':
      return 'blob'
    case 'timestamp':
      return 'time'
    case 'list':
    case 'map':
    case 'structure':
      return undefined
    default:
      throw new Error(`aws-shapes: unknown type ${shape.type}`)
  }
}

/** Writes small shapes and those that are used once where they are used; keeps the rest by name. */
function share(inputs: ReadonlyMap<string, AwsStructure>, all: ReadonlyMap<string, AwsShape>): ServiceShapes {
  const uses = new Map<string, number>()
  const count = (shape: AwsShape): void => {
    for (const name of referencesOf(shape)) {
      const known = uses.get(name) ?? 0
      uses.set(name, known + 1)
      if (known === 0) count(all.get(name) as AwsShape)
    }
  }
  for (const input of inputs.values()) count(input)
  const recursive = new Set([...uses.keys()].filter(name => reaches(name, name, all, new Set())))
  const decided = new Map<string, boolean>()
  const isKept = (name: string): boolean => {
    if (recursive.has(name)) return true
    return (uses.get(name) ?? 0) > 1 && JSON.stringify(expand(all.get(name) as AwsShape)).length > SMALL_BYTES
  }
  const kept = (name: string): boolean => {
    const known = decided.get(name) ?? isKept(name)
    decided.set(name, known)
    return known
  }
  const expand = (shape: AwsShape): AwsShape =>
    mapReferences(shape, name => (kept(name) ? { ref: name } : expand(all.get(name) as AwsShape)))
  const names = [...uses.keys()].filter(kept).sort()
  return {
    inputs: new Map([...inputs].map(([name, input]) => [name, expand(input) as AwsStructure])),
    shapes: Object.fromEntries(names.map(name => [name, expand(all.get(name) as AwsShape)])),
  }
}

function reaches(
  from: string,
  wanted: string,
  all: ReadonlyMap<string, AwsShape>,
  seen: Set<string>,
): boolean {
  for (const name of referencesOf(all.get(from) as AwsShape)) {
    if (name === wanted) return true
    if (seen.has(name)) continue
    seen.add(name)
    if (reaches(name, wanted, all, seen)) return true
  }
  return false
}

/** Names that a shape refers to, one for each place. */
function referencesOf(shape: AwsShape): readonly string[] {
  const found: string[] = []
  mapReferences(shape, name => {
    found.push(name)
    return { ref: name }
  })
  return found
}

function mapReferences(shape: AwsShape, change: (name: string) => AwsShape): AwsShape {
  if (typeof shape === 'string') return shape
  if ('ref' in shape) return change(shape.ref)
  if ('list' in shape) return { ...shape, list: mapReferences(shape.list, change) }
  if ('map' in shape) return { ...shape, map: mapReferences(shape.map, change) }
  const fields = Object.entries(shape.fields)
  return {
    fields: Object.fromEntries(
      fields.map(([name, field]) => [name, { ...field, is: mapReferences(field.is, change) }]),
    ),
  }
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
