import type { ParseResult } from '@marcbachmann/cel-js'
import type { JsonObject, JsonValue } from '../canon/index.js'
import type { ArgumentType, Operation } from '../protocol/index.js'
import type { DecisionInput, PolicyAgent } from './active.js'
import { memberType } from './argument-type.js'
import { argumentMembers, newEnvironment, outlineOf, ROOTS, type Root } from './condition-syntax.js'

/** A `when`, compiled once. */
export interface Condition {
  /** `error`: it could not be answered for this request. Never throws. `facts`: what was asked about one resource; null without an answer. */
  holds(context: ConditionContext, facts?: ProbeFacts | null): 'yes' | 'no' | 'error'
}

/** What an upstream has said, and the types that the catalog gives it. */
export interface ProbeFacts {
  readonly values: JsonObject
  readonly type: ArgumentType
}

/** Bounds on what a condition looks at; beyond them it is an error. */
const MAX_ELEMENTS = 1_000
const MAX_VALUES = 10_000
const MAX_TEXT_LETTERS = 65_536

/** Compiles an expression; throws what the CEL parser throws, or where it uses what `checkCondition` refuses. */
export function compileCondition(source: string): Condition {
  const environment = newEnvironment()
  for (const root of ROOTS) environment.registerVariable(root, 'dyn')
  const parsed = environment.parse(source)
  const outline = outlineOf(parsed)
  const roots = [...new Set(outline.paths.map(path => path.root))]
  const members = argumentMembers(outline)
  // INVARIANT: what is enforced was bounded when it was compiled, whoever signed it.
  if (outline.refusals.length > 0 || members === null)
    throw new SyntaxError('uses what a condition may not use')
  return { holds: (context, facts = null) => answer(parsed, roots, members, context, facts) }
}

function answer(
  parsed: ParseResult,
  roots: readonly Root[],
  members: readonly string[],
  context: ConditionContext,
  facts: ProbeFacts | null,
): 'yes' | 'no' | 'error' {
  try {
    const variables: Record<string, unknown> = {}
    for (const root of roots) {
      const value = rootValue(root, members, context, facts)
      if (value !== undefined) variables[root] = value
    }
    const result: unknown = parsed(variables)
    return result === true ? 'yes' : result === false ? 'no' : 'error'
  } catch {
    return 'error'
  }
}

function rootValue(
  root: Root,
  members: readonly string[],
  context: ConditionContext,
  facts: ProbeFacts | null,
): unknown {
  switch (root) {
    case 'args':
      return context.args(members)
    case 'probe':
      return facts === null ? undefined : toCel(facts.values, facts.type, { values: MAX_VALUES })
    default:
      return context.root(root)
  }
}

type ContextRoot = Exclude<Root, 'args' | 'probe'>

/** The variables of one operation as CEL values; made when first asked for, and kept. */
export class ConditionContext {
  private readonly input: DecisionInput
  private readonly operation: Operation
  private readonly agent: PolicyAgent | undefined
  private readonly argsType: ArgumentType
  private readonly known = new Map<string, unknown>()

  constructor(
    input: DecisionInput,
    operation: Operation,
    agent: PolicyAgent | undefined,
    argsType: ArgumentType,
  ) {
    this.input = input
    this.operation = operation
    this.agent = agent
    this.argsType = argsType
  }

  /** The arguments that are asked for, checked against the catalog's types; throws where one doesn't have its type. */
  args(members: readonly string[]): Map<string, unknown> {
    const args = new Map<string, unknown>()
    for (const member of members) {
      const value = this.argument(member)
      if (value !== undefined) args.set(member, value)
    }
    return args
  }

  root(root: ContextRoot): unknown {
    if (!this.known.has(root)) this.known.set(root, this.make(root))
    return this.known.get(root)
  }

  private argument(member: string): unknown {
    const { args } = this.operation
    const value = Object.hasOwn(args, member) ? args[member] : undefined
    if (value === undefined || value === null) return undefined
    return toCel(value, memberType(this.argsType, member) ?? 'any', { values: MAX_VALUES })
  }

  private make(root: ContextRoot): unknown {
    const { input, operation } = this
    switch (root) {
      case 'agent': {
        const { id, environment, task, owner } = input.agent
        const facts = toCel(this.agent?.facts ?? {}, 'any', { values: MAX_VALUES })
        return new Map<string, unknown>(Object.entries({ id, environment, task, owner, facts }))
      }
      case 'operation': {
        const { name, api, classes, effects, account } = operation
        const words = new Map<string, unknown>(Object.entries({ name, api, classes, effects }))
        return account === undefined ? words : words.set('account', account)
      }
      case 'resources':
        if (operation.resources.length > MAX_ELEMENTS) throw new RangeError('too many resources')
        return operation.resources.map(({ type, id }) => new Map(Object.entries({ type, id })))
      case 'scope':
        return new Map(Object.entries(operation.scope))
      case 'request':
        return new Map(Object.entries(input.request))
      case 'now':
        return new Date(input.nowMs)
    }
  }
}

/**
 * A JSON value as CEL sees it: integers as int, objects as maps, null members left out (so that `has` says no).
 *
 * ATTACK: type juggling. `args.name != "prod"` would be true of `["prod"]`; a value that doesn't have the
 * catalog's type throws, and the condition is an error.
 */
function toCel(value: JsonValue, type: ArgumentType, budget: { values: number }): unknown {
  if (--budget.values < 0) throw new RangeError('too many values')
  switch (typeof value) {
    case 'string':
      if (value.length > MAX_TEXT_LETTERS) throw new RangeError('too long a text')
      return expectType(type === 'string' || type === 'any', value)
    case 'boolean':
      return expectType(type === 'bool' || type === 'any', value)
    case 'number':
      if (type === 'double') return value
      if (Number.isSafeInteger(value)) return expectType(type === 'int' || type === 'any', BigInt(value))
      return expectType(type === 'any', value)
    default:
      return Array.isArray(value) ? listToCel(value, type, budget) : mapToCel(value, type, budget)
  }
}

function listToCel(value: JsonValue[], type: ArgumentType, budget: { values: number }): unknown[] {
  const element = type === 'any' ? 'any' : typeof type === 'object' && 'list' in type ? type.list : undefined
  if (element === undefined) throw new TypeError('not a list')
  if (value.length > MAX_ELEMENTS) throw new RangeError('too long a list')
  return value.map(each => (each === null ? null : toCel(each, element, budget)))
}

function mapToCel(
  value: Exclude<JsonValue, JsonValue[] | string | number | boolean>,
  type: ArgumentType,
  budget: { values: number },
): Map<string, unknown> {
  if (value === null) throw new TypeError('null')
  if (typeof type === 'string' ? type !== 'any' : 'list' in type) throw new TypeError('not an object')
  const map = new Map<string, unknown>()
  for (const [member, inner] of Object.entries(value)) {
    if (inner !== null) map.set(member, toCel(inner, memberType(type, member) ?? 'any', budget))
  }
  return map
}

function expectType<T>(fits: boolean, value: T): T {
  if (!fits) throw new TypeError('not of the type that the catalog says')
  return value
}
