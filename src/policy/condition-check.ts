import type { Environment, ParseResult } from '@marcbachmann/cel-js'
import type { ArgumentType, OperationSpec } from '../protocol/index.js'
import type { Effect } from './active.js'
import { memberType, mergeTypes } from './argument-type.js'
import {
  argumentMembers,
  type CelOutline,
  type CelPath,
  newEnvironment,
  outlineOf,
  type Root,
} from './condition-syntax.js'
import { didYouMean, type FindingCode } from './finding.js'

/** Something wrong with a condition; `at` counts letters from the start of the expression. */
export interface ConditionFinding {
  readonly code: FindingCode
  readonly message: string
  readonly at: number
}

/** What a condition may be about. */
export interface ConditionScope {
  readonly effect: Effect
  /** Operations that the rule could match. */
  readonly operations: readonly OperationSpec[]
  /** Type of `agent.facts` of the agents that the rule is for. */
  readonly facts: ArgumentType
  /** Type of what the rule's probe finds; undefined where it has none. */
  readonly probe?: ArgumentType | undefined
}

/** A type that no operator and no function takes: what an allow gets for a value that the catalog doesn't know. */
const UNTYPED = 'Untyped'

/**
 * Checks a condition against the catalog's types: a path that exists in no selected operation, a value without a
 * type in an allow, a comparison of different types, and a result that isn't a bool are findings.
 */
export function checkCondition(source: string, scope: ConditionScope): readonly ConditionFinding[] {
  const parsed = parse(source)
  if ('message' in parsed) return [parsed]
  const outline = outlineOf(parsed)
  if (outline.refusals.length > 0) {
    return outline.refusals.map(({ message, at }) => ({ code: 'when_refused', message, at }))
  }
  const members = argumentMembers(outline)
  if (members === null) return [{ code: 'when_refused', message: 'Use `args` by its members only.', at: 0 }]
  const unasked = scope.probe === undefined ? outline.paths.find(path => path.root === 'probe') : undefined
  if (unasked !== undefined) {
    const message = '`probe` is read, and the rule asks for none.'
    return [{ code: 'when_unasked', message, at: unasked.steps[0]?.at ?? 0 }]
  }
  const types = rootTypes(scope, members)
  const findings = outline.paths.flatMap(path => checkPath(path, types, scope))
  return findings.length > 0 ? findings : checkTypes(source, types, scope.effect, outline)
}

function parse(source: string): ParseResult | ConditionFinding {
  try {
    return newEnvironment().parse(source)
  } catch (error) {
    return asFinding(error, 'when_syntax')
  }
}

function asFinding(error: unknown, code: FindingCode): ConditionFinding {
  const { summary, range } = error as { summary?: string; range?: { start: number } }
  return { code, message: `${summary ?? 'The expression is not CEL'}.`, at: range?.start ?? 0 }
}

type RootTypes = Readonly<Record<Exclude<Root, 'now'>, ArgumentType>>

function rootTypes(scope: ConditionScope, members: readonly string[]): RootTypes {
  const args: Record<string, ArgumentType> = {}
  for (const { args: type } of scope.operations) {
    for (const member of members) {
      const found = memberType(type, member)
      if (found === undefined) continue
      const known = args[member]
      args[member] = known === undefined ? found : mergeTypes(known, found)
    }
  }
  const scopeMembers = scope.operations.flatMap(operation => operation.scope)
  return {
    agent: {
      fields: { id: 'string', environment: 'string', task: 'string', owner: 'string', facts: scope.facts },
    },
    operation: {
      fields: {
        name: 'string',
        api: 'string',
        classes: { list: 'string' },
        effects: { list: 'string' },
        account: 'string',
      },
    },
    args: { fields: args },
    resources: { list: { fields: { type: 'string', id: 'string' } } },
    scope: { fields: Object.fromEntries([...scopeMembers, 'account'].map(member => [member, 'string'])) },
    probe: scope.probe ?? 'any',
    request: { fields: { api: 'string', method: 'string', target: 'string' } },
  }
}

function checkPath(path: CelPath, types: RootTypes, scope: ConditionScope): readonly ConditionFinding[] {
  if (path.root === 'now') return []
  let type: ArgumentType | undefined = types[path.root]
  let words: string = path.root
  let at = path.steps[0]?.at ?? 0
  for (const step of path.steps) {
    if (type === 'any') break
    at = step.at
    if (step.kind === 'element') {
      type = typeof type === 'object' && 'list' in type ? type.list : 'any'
      words += '[…]'
      continue
    }
    const inner: ArgumentType | undefined = memberType(type, step.name)
    words += `.${step.name}`
    if (inner === undefined) {
      const known = words === `args.${step.name}` ? argumentNames(scope) : fieldNames(type)
      const where = path.root === 'probe' ? 'is no fact of the probe' : 'exists in no selected operation'
      const message = `${words} ${where}.${didYouMean(step.name, known)}`
      return [{ code: 'when_unknown_path', message, at }]
    }
    type = inner
  }
  if (type === 'any' && scope.effect === 'allow' && !path.presence) {
    return [{ code: 'when_untyped', message: `The type of ${words} is not known.`, at }]
  }
  return []
}

function argumentNames({ operations }: ConditionScope): readonly string[] {
  return operations.flatMap(operation => fieldNames(operation.args))
}

function fieldNames(type: ArgumentType | undefined): readonly string[] {
  return typeof type === 'object' && 'fields' in type ? Object.keys(type.fields) : []
}

function checkTypes(
  source: string,
  types: RootTypes,
  effect: Effect,
  outline: CelOutline,
): readonly ConditionFinding[] {
  const environment = newEnvironment().registerType(UNTYPED, { fields: {} })
  const names = new TypeNames(environment, effect === 'allow' ? UNTYPED : 'dyn')
  const used = new Set(outline.paths.map(path => path.root))
  for (const root of used) {
    environment.registerVariable(root, root === 'now' ? 'google.protobuf.Timestamp' : names.of(types[root]))
  }
  const result = environment.check(source)
  if (result.valid) {
    if (result.type === 'bool') return []
    return [{ code: 'when_not_bool', message: `The expression gives ${result.type}, not yes or no.`, at: 0 }]
  }
  const finding = asFinding(result.error, 'when_type')
  if (finding.message.includes(UNTYPED)) {
    return [{ ...finding, code: 'when_untyped', message: 'The type of a value is not known.' }]
  }
  return [{ ...finding, message: finding.message.replace(/\bFields[0-9]+\b/g, 'object') }]
}

/** Names of types for the checker; every object type is registered once, inner ones first. */
class TypeNames {
  private readonly environment: Environment
  private readonly unknown: string
  private count = 0

  constructor(environment: Environment, unknown: string) {
    this.environment = environment
    this.unknown = unknown
  }

  of(type: ArgumentType): string {
    if (type === 'any') return this.unknown
    if (typeof type === 'string') return type
    if ('list' in type) return `list<${this.of(type.list)}>`
    if ('map' in type) return `map<string, ${this.of(type.map)}>`
    const fields = Object.fromEntries(
      Object.entries(type.fields).map(([member, inner]) => [member, this.of(inner)]),
    )
    const name = `Fields${this.count++}`
    this.environment.registerType(name, { fields })
    return name
  }
}
