import { type JsonValue, utf8 } from '../../canon/index.js'
import type { Recognised } from '../operation.js'
import type { RawRequest } from '../request.js'
import type { GraphqlBody } from './body.js'
import type { ObjectType, Schema } from './schema.js'
import { placeOf } from './schema.js'

/**
 * A request whose selection asks for an operation with these arguments: a root field, or the shortest way down to a
 * field further below. Null where no way leads there. A document of the caller's own is sent as it is, with the
 * arguments as its variables.
 */
export function writeQuery(
  body: GraphqlBody,
  schema: Schema,
  { name, args }: Recognised,
  document?: string,
): RawRequest | null {
  if (!Object.hasOwn(body.operations, name)) return null
  if (document !== undefined) return posted(body, { query: document, variables: args })
  const place = placeOf(body, name)
  for (const root of [schema.query, schema.mutation]) {
    if (root === null) continue
    const way = wayTo(root, place.type)
    const type = schema.types.get(place.type)
    if (way === null || type === undefined) continue
    const field = type.fields.get(place.field)
    const selection = `${place.field}${argumentsText(args)}${field?.type == null ? '' : ' { __typename }'}`
    const nested = [...way].reverse().reduce((inner, step) => `${step} { ${inner} }`, selection)
    const query = `${root.kind} { ${nested} }`
    return posted(body, { query })
  }
  return null
}

function posted({ path }: GraphqlBody, envelope: object): RawRequest {
  const headers = [['content-type', 'application/json']] as const
  return { method: 'POST', target: path, headers, body: utf8(JSON.stringify(envelope)) }
}

/** Fields from a root down to a type, breadth first; those that are no operations of their own are preferred. */
function wayTo(root: ObjectType, type: string): readonly string[] | null {
  const seen = new Set<string>([root.name])
  let level: readonly { readonly at: ObjectType; readonly way: readonly string[] }[] = [{ at: root, way: [] }]
  while (level.length > 0) {
    const found = level.find(({ at }) => at.name === type)
    if (found !== undefined) return found.way
    const next: { at: ObjectType; way: readonly string[] }[] = []
    for (const { at, way } of level) {
      const fields = [...at.fields].sort(
        ([, a], [, b]) => Number(a.operation !== null) - Number(b.operation !== null),
      )
      for (const [name, field] of fields) {
        if (field.type === null || seen.has(field.type.name)) continue
        seen.add(field.type.name)
        next.push({ at: field.type, way: [...way, name] })
      }
    }
    level = next
  }
  return null
}

function argumentsText(args: Recognised['args']): string {
  const list = Object.entries(args).map(([name, value]) => `${name}: ${valueText(value)}`)
  return list.length === 0 ? '' : `(${list.join(', ')})`
}

/** A literal (GraphQL §2.9); JSON's texts are GraphQL's. */
function valueText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, each]) => `${name}: ${valueText(each)}`)
  return `{${members.join(', ')}}`
}
