import type { ArgumentType } from '../../src/protocol/index.js'
import type { GithubSource, SourceOperation, SourceSchema } from './github-source.js'

const MAX_DEPTH = 3

/** Types of the query's and the body's members. Where both have a name, or two forms of a body differ, it is `any`. */
export function argumentTypes(
  operation: SourceOperation,
  source: GithubSource,
): Record<string, ArgumentType> {
  const types = new Map<string, ArgumentType>()
  const add = (name: string, type: ArgumentType) => {
    const known = types.get(name)
    types.set(name, known === undefined || same(known, type) ? type : 'any')
  }
  for (const [name, schema] of Object.entries(operation.query)) add(name, typeOf(schema, source, 0))
  const body = operation.bodies.get('application/json')
  for (const form of body === undefined ? [] : objectForms(body, source))
    for (const [name, schema] of Object.entries(form.properties ?? {})) add(name, typeOf(schema, source, 0))
  return Object.fromEntries(types)
}

/** A body may be one of several objects; a list or a text beside them is refused by the protocol anyway. */
function objectForms(schema: SourceSchema, source: GithubSource): readonly SourceSchema[] {
  const here = source.resolve(schema)
  const forms = [...(here.oneOf ?? []), ...(here.anyOf ?? []), ...(here.allOf ?? [])]
  return [
    ...(here.properties === undefined ? [] : [here]),
    ...forms.flatMap(form => objectForms(form, source)),
  ]
}

function typeOf(schema: SourceSchema, source: GithubSource, depth: number): ArgumentType {
  const here = source.resolve(schema)
  if (here.oneOf !== undefined || here.anyOf !== undefined || here.allOf !== undefined) {
    const forms = [...(here.oneOf ?? []), ...(here.anyOf ?? []), ...(here.allOf ?? [])]
      .map(form => source.resolve(form))
      .filter(form => form.type !== 'null')
    const types = forms.map(form => typeOf(form, source, depth))
    return types.length > 0 && types.every(type => same(type, types[0] as ArgumentType))
      ? (types[0] as ArgumentType)
      : 'any'
  }
  const kinds = [here.type ?? []].flat().filter(kind => kind !== 'null')
  if (kinds.length !== 1) return 'any'
  switch (kinds[0]) {
    case 'string':
      return 'string'
    case 'integer':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'array':
      return depth >= MAX_DEPTH || here.items === undefined
        ? 'any'
        : { list: typeOf(here.items, source, depth + 1) }
    case 'object':
      return objectType(here, source, depth)
    default:
      return 'any'
  }
}

function objectType(schema: SourceSchema, source: GithubSource, depth: number): ArgumentType {
  if (depth >= MAX_DEPTH) return 'any'
  const { properties, additionalProperties } = schema
  if (properties !== undefined && Object.keys(properties).length > 0)
    return {
      fields: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, typeOf(member, source, depth + 1)]),
      ),
    }
  return typeof additionalProperties === 'object'
    ? { map: typeOf(additionalProperties, source, depth + 1) }
    : 'any'
}

function same(a: ArgumentType, b: ArgumentType): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
