import type TypeBox from 'typebox'
import type { TProperties, TSchema } from 'typebox'

/** The terms of typebox that the schemas of this program are written in. */
type Terms = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
>

/** Members that may be missing: a schema is in here under its own identity, and its JSON doesn't show it. */
const optional = new WeakSet<object>()

/**
 * Writes JSON Schema (2020-12) and its TypeScript type in one go, as typebox does, whose types these are. The
 * package itself is some four hundred files, which every process of the sidecar would load before anything else, for
 * twelve functions; a test holds them to write the same schemas. Values are checked by `checkSchema`.
 */
export const Type = {
  Array: (items: TSchema, options?: object) => ({ type: 'array', items, ...options }),
  Boolean: (options?: object) => ({ type: 'boolean', ...options }),
  Integer: (options?: object) => ({ type: 'integer', ...options }),
  Literal: (value: string | number | boolean, options?: object) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Null: (options?: object) => ({ type: 'null', ...options }),
  Object: (properties: TProperties, options?: object) => {
    const required = Object.keys(properties).filter(key => !optional.has(properties[key] as TSchema))
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options }
  },
  Optional: (schema: TSchema) => {
    const copy = { ...schema }
    optional.add(copy)
    return copy
  },
  Record: (key: { readonly pattern?: string }, value: TSchema, options?: object) => ({
    type: 'object',
    patternProperties: { [key.pattern ?? '^.*$']: value },
    ...options,
  }),
  String: (options?: object) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly TSchema[], options?: object) => ({ anyOf, ...options }),
  Unknown: (options?: object) => ({ ...options }),
  Unsafe: (schema: TSchema) => schema,
} as unknown as Terms
