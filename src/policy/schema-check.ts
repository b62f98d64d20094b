import type { TSchema } from 'typebox'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'

/** The part of JSON Schema that the grammar uses. */
interface Node {
  readonly type?: string
  readonly const?: unknown
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly minProperties?: number
  readonly items?: Node
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

type Report = Pick<Findings, 'add'>

/**
 * Checks a value against a schema and reports everything that is wrong with it, not the first only; unknown
 * keys with the nearest known one. Accepts exactly what the schema accepts. (typebox's own `Value.Errors` stops
 * after eight errors and reports every branch of a union.)
 */
export function checkSchema(
  schema: TSchema,
  value: unknown,
  findings: Report,
  path: DocumentPath = [],
): void {
  checkNode(schema as Node, value, path, findings)
}

function checkNode(node: Node, value: unknown, path: DocumentPath, findings: Report): void {
  if (node.anyOf !== undefined) {
    checkUnion(node.anyOf, value, path, findings)
    return
  }
  if (node.const !== undefined) {
    if (value !== node.const)
      findings.add('wrong_value', path, `Only ${JSON.stringify(node.const)} may stand here.`)
    return
  }
  switch (node.type) {
    case 'object':
      checkObject(node, value, path, findings)
      return
    case 'array':
      checkArray(node, value, path, findings)
      return
    case 'string':
      checkString(node, value, path, findings)
      return
    case 'integer':
      checkInteger(node, value, path, findings)
      return
    case 'null':
      if (value !== null) findings.add('wrong_value', path, 'Expected null.')
      return
    case 'boolean':
      if (typeof value !== 'boolean') findings.add('wrong_value', path, 'Expected true or false.')
      return
    default:
      // `Type.Unknown()`: whoever wrote the schema checks the value elsewhere.
      if (Object.keys(node).length === 0) return
      throw new Error(`the grammar uses a schema that the checker does not know: ${JSON.stringify(node)}`)
  }
}

function checkUnion(branches: readonly Node[], value: unknown, path: DocumentPath, findings: Report): void {
  const literals: readonly unknown[] = branches.flatMap(branch =>
    branch.const === undefined ? [] : [branch.const as unknown],
  )
  if (literals.length === branches.length) {
    if (literals.includes(value)) return
    const hint = typeof value === 'string' ? didYouMean(value, literals.map(String)) : ''
    findings.add('wrong_value', path, `Expected one of ${literals.map(String).join(', ')}.${hint}`)
    return
  }
  const tag = isObject(value) ? tagOf(branches) : undefined
  if (tag !== undefined && isObject(value)) {
    checkTagged(branches, tag, value, path, findings)
    return
  }
  // The branch that the author most likely meant is the one that objects the least.
  let fewest: readonly Parameters<Report['add']>[] | undefined
  for (const branch of branches) {
    if (branch.anyOf === undefined && branch.const !== value && !isOfType(branch, value)) continue
    const objections: Parameters<Report['add']>[] = []
    checkNode(branch, value, path, { add: (...args) => objections.push(args) })
    if (objections.length === 0) return
    if (fewest === undefined || objections.length < fewest.length) fewest = objections
  }
  if (fewest === undefined) {
    findings.add('wrong_value', path, `Expected ${describe(branches)}.`)
    return
  }
  for (const objection of fewest) findings.add(...objection)
}

/** The key whose fixed text tells the branches apart (`minter`); undefined where not every branch has one. */
function tagOf(branches: readonly Node[]): string | undefined {
  const tags = branches.map(
    branch => Object.entries(branch.properties ?? {}).find(([, node]) => typeof node.const === 'string')?.[0],
  )
  return tags.every(tag => tag === tags[0]) ? tags[0] : undefined
}

function checkTagged(
  branches: readonly Node[],
  tag: string,
  value: Record<string, unknown>,
  path: DocumentPath,
  findings: Report,
): void {
  const branch = branches.find(each => each.properties?.[tag]?.const === value[tag])
  if (branch !== undefined) {
    checkNode(branch, value, path, findings)
    return
  }
  const names = branches.map(each => String(each.properties?.[tag]?.const))
  const written = value[tag]
  if (written === undefined) {
    findings.add('missing_key', path, `The key "${tag}" is missing; it is one of ${names.join(', ')}.`)
    return
  }
  const hint = typeof written === 'string' ? didYouMean(written, names) : ''
  findings.add('wrong_value', [...path, tag], `Expected one of ${names.join(', ')}.${hint}`)
}

function isOfType(node: Node, value: unknown): boolean {
  switch (node.type) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return typeof value === 'number'
    case 'null':
      return value === null
    default:
      return node.const === undefined && typeof value === node.type
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'keys and values',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
}

function describe(branches: readonly Node[]): string {
  const kinds = branches.flatMap(branch => (branch.anyOf === undefined ? [branch] : branch.anyOf))
  const names = kinds.map(kind =>
    kind.const === undefined ? (TYPE_NAMES[kind.type ?? ''] ?? 'a value') : String(kind.const),
  )
  return [...new Set(names)].join(' or ')
}

function checkObject(node: Node, value: unknown, path: DocumentPath, findings: Report): void {
  if (!isObject(value)) {
    findings.add('wrong_value', path, 'Expected keys and values.')
    return
  }
  for (const key of node.required ?? []) {
    if (!Object.hasOwn(value, key))
      findings.add('missing_key', path, `The key "${key}" is missing.`, `Add \`${key}:\`.`)
  }
  const keys = Object.keys(value)
  if (keys.length < (node.minProperties ?? 0)) findings.add('wrong_value', path, 'Expected at least one key.')
  for (const key of keys) {
    const child = memberOf(node, key)
    if (child === undefined) reportKey(node, key, [...path, key], findings)
    else checkNode(child, value[key], [...path, key], findings)
  }
}

function memberOf(node: Node, key: string): Node | undefined {
  if (node.properties !== undefined)
    return Object.hasOwn(node.properties, key) ? node.properties[key] : undefined
  for (const [pattern, child] of Object.entries(node.patternProperties ?? {})) {
    if (new RegExp(pattern, 'u').test(key)) return child
  }
  return undefined
}

function reportKey(node: Node, key: string, path: DocumentPath, findings: Report): void {
  if (node.properties === undefined) {
    const pattern = Object.keys(node.patternProperties ?? {})[0]
    findings.add('wrong_value', path, `The name ${JSON.stringify(key)} does not fit ${pattern}.`)
    return
  }
  const hint = didYouMean(key, Object.keys(node.properties))
  findings.add('unknown_key', path, `There is no key ${JSON.stringify(key)} here.${hint}`)
}

function checkArray(node: Node, value: unknown, path: DocumentPath, findings: Report): void {
  if (!Array.isArray(value)) {
    findings.add('wrong_value', path, 'Expected a list.')
    return
  }
  if (value.length < (node.minItems ?? 0)) findings.add('wrong_value', path, 'The list is empty.')
  if (value.length > (node.maxItems ?? Number.POSITIVE_INFINITY))
    findings.add(
      'wrong_value',
      path,
      `The list has ${value.length} items; at most ${node.maxItems} fit here.`,
    )
  for (const [index, item] of value.entries()) checkNode(node.items as Node, item, [...path, index], findings)
}

function checkString(node: Node, value: unknown, path: DocumentPath, findings: Report): void {
  if (typeof value !== 'string') {
    findings.add('wrong_value', path, 'Expected text; put it in quotes if it looks like something else.')
    return
  }
  // Length counts code points, as JSON Schema does.
  const length = [...value].length
  if (length < (node.minLength ?? 0)) findings.add('wrong_value', path, 'The text is empty.')
  if (length > (node.maxLength ?? Number.POSITIVE_INFINITY)) {
    findings.add('wrong_value', path, `The text has ${length} letters; at most ${node.maxLength} fit here.`)
  }
  if (node.pattern !== undefined && !new RegExp(node.pattern, 'u').test(value)) {
    findings.add('wrong_value', path, `${JSON.stringify(value.slice(0, 80))} does not fit ${node.pattern}.`)
  }
}

function checkInteger(node: Node, value: unknown, path: DocumentPath, findings: Report): void {
  if (!Number.isSafeInteger(value)) {
    findings.add('wrong_value', path, 'Expected a whole number.')
    return
  }
  const number = value as number
  const [least, most] = [node.minimum ?? Number.NEGATIVE_INFINITY, node.maximum ?? Number.POSITIVE_INFINITY]
  if (number < least) findings.add('wrong_value', path, `The number must be at least ${least}.`)
  if (number > most) findings.add('wrong_value', path, `The number must be at most ${most}.`)
}
