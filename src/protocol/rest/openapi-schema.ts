import type { ArgumentType } from '../catalog.js'
import { readObject } from '../document-shape.js'

export type OpenapiNode = Readonly<Record<string, unknown>>

export interface Schemas {
  /** Follows `$ref` within the document; throws `openapi_unsupported` for anything outside. */
  resolve(node: OpenapiNode): OpenapiNode
}

const MAX_DEPTH = 4

/** Types of the members of an object schema, `allOf` included; what can't be typed is `any`. */
export function schemaFields(schemas: Schemas, node: OpenapiNode, depth = 0): Record<string, ArgumentType> {
  const schema = schemas.resolve(node)
  const fields: Record<string, ArgumentType> = {}
  if (Array.isArray(schema.allOf) && depth < MAX_DEPTH)
    for (const part of schema.allOf)
      Object.assign(fields, schemaFields(schemas, readObject(part, 'allOf'), depth + 1))
  if (typeof schema.properties === 'object' && schema.properties !== null)
    for (const [name, property] of Object.entries(schema.properties))
      fields[name] = schemaType(schemas, readObject(property, name), depth + 1)
  return fields
}

function schemaType(schemas: Schemas, node: OpenapiNode, depth: number): ArgumentType {
  if (depth > MAX_DEPTH) return 'any'
  const schema = schemas.resolve(node)
  switch (typeOf(schema)) {
    case 'string':
      return 'string'
    case 'integer':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'array':
      return typeof schema.items === 'object' && schema.items !== null
        ? { list: schemaType(schemas, schema.items as OpenapiNode, depth + 1) }
        : { list: 'any' }
    case 'object': {
      const fields = schemaFields(schemas, schema, depth)
      if (Object.keys(fields).length > 0) return { fields }
      const members = schema.additionalProperties
      return typeof members === 'object' && members !== null
        ? { map: schemaType(schemas, members as OpenapiNode, depth + 1) }
        : 'any'
    }
    default:
      return 'any'
  }
}

/** The one type of a schema; OpenAPI 3.1 writes a nullable one as `["string", "null"]`. */
function typeOf(schema: OpenapiNode): unknown {
  if (schema.properties !== undefined || schema.allOf !== undefined) return 'object'
  if (!Array.isArray(schema.type)) return schema.type
  const types = schema.type.filter(type => type !== 'null')
  return types.length === 1 ? types[0] : undefined
}
