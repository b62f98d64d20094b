import type { ArgumentType } from '../catalog.js'
import type { AwsScalar, AwsShape } from './document.js'
import type { OpenShape, ShapeBook } from './shape.js'

/** Deeper than conditions reach; below, and where a structure holds itself, nothing is promised. */
const MAX_DEPTH = 12

const SCALARS: Readonly<Record<AwsScalar, ArgumentType>> = {
  string: 'string',
  int: 'int',
  double: 'double',
  bool: 'bool',
  time: 'string',
  // A short one is text, a long one its length.
  blob: 'any',
  any: 'any',
}

/** Type of the arguments that a shape decodes to. */
export function argumentTypeOf(shape: AwsShape, shapes: ShapeBook): ArgumentType {
  return typeOf(shape, shapes, [])
}

/** `within` holds the structures around this one. */
function typeOf(shape: AwsShape, shapes: ShapeBook, within: readonly OpenShape[]): ArgumentType {
  const opened = shapes.open(shape)
  if (opened.kind === 'scalar') return SCALARS[opened.type]
  if (within.length === MAX_DEPTH || within.includes(opened)) return 'any'
  const inner = [...within, opened]
  if (opened.kind === 'list') return { list: typeOf(opened.of, shapes, inner) }
  if (opened.kind === 'map') return { map: typeOf(opened.of, shapes, inner) }
  const fields: Record<string, ArgumentType> = Object.create(null)
  for (const [name, field] of opened.fields)
    fields[name] = field.stream || field.json ? 'any' : typeOf(field.is, shapes, inner)
  return { fields }
}
