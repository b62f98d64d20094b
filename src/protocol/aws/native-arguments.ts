import type { JsonObject, JsonValue } from '../../canon/index.js'
import { refuseSpellings } from '../argument-shape.js'
import type { AwsScalar } from './document.js'
import {
  blobOfText,
  emptyObject,
  fieldsBy,
  isLengthOnly,
  type Naming,
  NOT_FINITE,
  type Reading,
} from './reading.js'
import type { OpenShape, OpenStructure } from './shape.js'

/**
 * Arguments out of values that have types of their own: JSON, and what CBOR was read into. Every value that its shape
 * doesn't expect is kept and makes the request opaque. Throws `parameter_ambiguous` where two members, or a member and
 * a declared one, differ only in case.
 */
export function structureOfNative(
  value: JsonObject,
  shape: OpenStructure,
  naming: Naming,
  reading: Reading,
): JsonObject {
  refuseSpellings(value)
  const fields = fieldsBy(naming, shape)
  const args = emptyObject()
  for (const name of Object.keys(value)) {
    const field = fields.get(name)
    const member = value[name] as JsonValue
    if (field === undefined) reading.keepUndeclared(args, name, member, shape)
    else args[field.name] = valueOfNative(member, reading.shapes.open(field.is), naming, reading)
  }
  return args
}

function valueOfNative(value: JsonValue, shape: OpenShape, naming: Naming, reading: Reading): JsonValue {
  if (value === null) return null
  switch (shape.kind) {
    case 'scalar':
      return scalarOfNative(value, shape.type, reading)
    case 'list': {
      if (!Array.isArray(value)) return unexpected(value, reading)
      const item = reading.shapes.open(shape.of)
      return value.map(entry => valueOfNative(entry, item, naming, reading))
    }
    case 'map': {
      if (!isObject(value)) return unexpected(value, reading)
      const member = reading.shapes.open(shape.of)
      const args = emptyObject()
      for (const name of Object.keys(value))
        args[name] = valueOfNative(value[name] as JsonValue, member, naming, reading)
      return args
    }
    case 'fields':
      return isObject(value) ? structureOfNative(value, shape, naming, reading) : unexpected(value, reading)
  }
}

function scalarOfNative(value: JsonValue, type: AwsScalar, reading: Reading): JsonValue {
  switch (type) {
    case 'any':
      return value
    case 'string':
      return typeof value === 'string' ? value : unexpected(value, reading)
    case 'bool':
      return typeof value === 'boolean' ? value : unexpected(value, reading)
    case 'int':
      // ATTACK: 0.4, which is not the 0 that a rule asks for, and is cut to it by some.
      return Number.isSafeInteger(value) ? value : unexpected(value, reading)
    case 'double':
      return typeof value === 'number' || NOT_FINITE.has(value) ? value : unexpected(value, reading)
    case 'time':
      return typeof value === 'number'
        ? String(value)
        : typeof value === 'string'
          ? value
          : unexpected(value, reading)
    case 'blob':
      if (isLengthOnly(value)) return value
      return typeof value === 'string' ? blobOfText(value) : unexpected(value, reading)
  }
}

function unexpected(value: JsonValue, reading: Reading): JsonValue {
  reading.doubt('a value of another type than the model declares')
  return value
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
