import type { JsonObject, JsonValue } from '../canon/index.js'
import { malformed, readList, readMembers, readOneOf, readText } from './document-shape.js'
import { OPERATION_CLASSES, type OperationClass } from './operation.js'

/**
 * An argument that makes an operation worse than its name says, as data in a catalog:
 * `{ "path": "input.state", "is": "equals", "value": "DELETED", "adds": ["irreversible"] }`.
 */
export interface ArgumentRule {
  /**
   * Members joined by dots; `items[].id` looks into every item of a list, `tables[#][]` at every name in a map; empty
   * for the whole of the arguments.
   */
  readonly path: string
  readonly is: ArgumentPredicate
  /** For `equals`, `differs` and `contains-entry`: a scalar. */
  readonly value?: string | number | boolean
  /** For `contains-key` and `contains-entry`: a member's name at any depth below the path. */
  readonly key?: string
  readonly adds: readonly OperationClass[]
}

/**
 * `present`: there, and not null. `absent`: missing or null. `null`: there, and null. `empty`: there, and an empty
 * list, object or text. `equals`: any value at the path equals. `differs`: a value at the path is anything else.
 * `contains-key` and `contains-entry`: an object at or below the path has the member (with the value).
 * `contains-null`: a member or an item below the path is null.
 */
export const ARGUMENT_PREDICATES = [
  'present',
  'absent',
  'null',
  'empty',
  'equals',
  'differs',
  'contains-key',
  'contains-entry',
  'contains-null',
] as const
export type ArgumentPredicate = (typeof ARGUMENT_PREDICATES)[number]

/** Checks one rule of a catalog; throws `catalog_malformed`. */
export function readArgumentRule(value: unknown, where: string): ArgumentRule {
  const rule = readMembers(value, where, ['path', 'is', 'adds'], ['value', 'key'])
  if (typeof rule.path !== 'string') throw malformed(`${where}.path`, 'a text')
  const is = readOneOf(rule.is, `${where}.is`, ARGUMENT_PREDICATES)
  const needsValue = is === 'equals' || is === 'differs' || is === 'contains-entry'
  const needsKey = is === 'contains-key' || is === 'contains-entry'
  if (needsValue !== isScalar(rule.value)) throw malformed(where, needsValue ? 'a scalar value' : 'no value')
  if (needsKey !== (rule.key !== undefined)) throw malformed(where, needsKey ? 'a key' : 'no key')
  const adds = readList(rule.adds, `${where}.adds`, (name, at) => readOneOf(name, at, OPERATION_CLASSES))
  if (adds.length === 0) throw malformed(`${where}.adds`, 'a class')
  return {
    path: rule.path,
    is,
    ...(needsValue ? { value: rule.value as string | number | boolean } : {}),
    ...(needsKey ? { key: readText(rule.key, `${where}.key`) } : {}),
    adds,
  }
}

/** The classes that rules add for these arguments. Call it with what `compileArgumentRules` made of them. */
export type RaisedClasses = (args: JsonObject) => readonly OperationClass[]

/** Prepares rules for use; the answer is sorted like `OPERATION_CLASSES`' names, without duplicates. */
export function compileArgumentRules(rules: readonly ArgumentRule[]): RaisedClasses {
  if (rules.length === 0) return () => []
  const prepared = rules.map(rule => ({ rule, steps: stepsOf(rule.path) }))
  return args => {
    const raised = new Set<OperationClass>()
    for (const { rule, steps } of prepared)
      if (holds(rule, valuesAt(args, steps))) for (const name of rule.adds) raised.add(name)
    return [...raised].sort()
  }
}

/** A path cut into members; `[]` stands for every item of a list, `[#]` for the list of a map's names. */
export function stepsOf(path: string): readonly string[] {
  if (path === '') return []
  return path.split('.').flatMap(part => {
    const lists = /(?:\[#?\])*$/.exec(part)?.[0] ?? ''
    return [part.slice(0, part.length - lists.length), ...(lists.match(/\[#?\]/g) ?? [])]
  })
}

/** Every value that a path reaches; empty where it reaches none. `or alone`: what stands where a list may is its only item. */
export function valuesAt(
  value: JsonValue,
  steps: readonly string[],
  lists: 'as lists' | 'or alone' = 'as lists',
): readonly JsonValue[] {
  let reached: JsonValue[] = [value]
  for (const step of steps) {
    const next: JsonValue[] = []
    for (const here of reached) {
      if (typeof here !== 'object' || here === null) continue
      if (Array.isArray(here)) {
        // ATTACK: more items than a call takes arguments: spread, they are a fault, and nothing is known of the operation.
        if (step === '[]') for (const item of here) next.push(item)
      } else if (step === '[#]') next.push(Object.keys(here))
      else if (step === '[]' && lists === 'or alone') next.push(here)
      else if (step !== '[]' && Object.hasOwn(here, step)) next.push(here[step] as JsonValue)
    }
    reached = next
  }
  return reached
}

/**
 * Whether something stands on a path that the path doesn't run through: a text where a list may be, a list where a member
 * may. Null and an empty text are nothing.
 */
export function strays(value: JsonValue, steps: readonly string[]): boolean {
  return steps.some((step, at) =>
    valuesAt(value, steps.slice(0, at)).some(
      here =>
        here !== null && here !== '' && (typeof here !== 'object' || Array.isArray(here) !== (step === '[]')),
    ),
  )
}

function holds(rule: ArgumentRule, values: readonly JsonValue[]): boolean {
  switch (rule.is) {
    case 'present':
      return values.some(value => value !== null)
    case 'absent':
      return values.every(value => value === null)
    case 'null':
      return values.some(value => value === null)
    case 'empty':
      return values.some(isEmpty)
    case 'equals':
      return values.some(value => value === rule.value)
    case 'differs':
      return values.some(value => value !== rule.value)
    case 'contains-key':
      return values.some(value => containsEntry(value, rule.key as string, undefined))
    case 'contains-entry':
      return values.some(value => containsEntry(value, rule.key as string, rule.value))
    case 'contains-null':
      return values.some(containsNull)
  }
}

function isEmpty(value: JsonValue): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** Parsers bound the depth of what arrives here. */
function containsEntry(value: JsonValue, key: string, wanted: JsonValue | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(item => containsEntry(item, key, wanted))
  if (Object.hasOwn(value, key) && (wanted === undefined || value[key] === wanted)) return true
  return Object.values(value).some(member => containsEntry(member, key, wanted))
}

function containsNull(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(member => member === null || containsNull(member))
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
