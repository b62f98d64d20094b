import {
  alternatives,
  type Comparison,
  type Constant,
  type Constants,
  type Literal,
  type ParsedCondition,
} from './condition-parts.js'

/**
 * A condition that is known to be true, or false; or `not false`: true or in error, which is where the condition of a
 * hold or a deny matches.
 */
export interface Fact {
  readonly condition: ParsedCondition
  readonly is: boolean | 'not false'
}

/**
 * Whether facts can hold together for some request. False is a proof; true may only mean that it isn't known.
 */
export function canHold(facts: readonly Fact[], constants: Constants): boolean {
  const open = facts.find(each => each.is === 'not false')
  if (open !== undefined) {
    const { condition } = open
    const others = facts.filter(each => each !== open)
    return (
      canHold([...others, { condition, is: true }], constants) ||
      (!cannotFail(condition, others, constants) && canHold(others, constants))
    )
  }
  const cases = casesOf(facts, constants)
  return cases === null || cases.length > 0
}

/**
 * Whether a condition gives yes or no, and no error, wherever the facts hold: it only compares values that the
 * facts have compared already, or that are known, and asks for no argument that may not have its type.
 */
export function cannotFail(
  condition: ParsedCondition,
  facts: readonly Fact[],
  constants: Constants,
): boolean {
  const { plain, asked } = condition
  if (plain === null) return false
  const cases = casesOf(facts, constants)
  return (
    cases?.every(
      each =>
        plain.every(path => constants.has(path) || each.some(literal => compares(literal, path))) &&
        asked.every(path => canBeAsked(path, each, facts)),
    ) ?? false
  )
}

/**
 * ATTACK: an argument of another type than the catalog says, which makes an error of every condition that has it,
 * `has` as well. One that was answered has met arguments of their types; what is further in, it has to have reached.
 */
function canBeAsked(path: string, literals: readonly Literal[], facts: readonly Fact[]): boolean {
  if (!/^(?:args\b|probe )/.test(path)) return true
  if (literals.some(literal => 'path' in literal && literal.path === path)) return true
  return (
    /^args\.[^.]+$/.test(path) &&
    facts.some(({ condition, is }) => is !== 'not false' && condition.reads.includes(path))
  )
}

function compares(literal: Literal, path: string): boolean {
  return (literal.kind === 'compare' || literal.kind === 'among') && literal.path === path
}

const MAX_CASES = 512

/**
 * The alternatives of all facts together that don't contradict themselves; null where there are too many. Nothing is
 * concluded from what is only not false: it may compare nothing.
 */
function casesOf(facts: readonly Fact[], constants: Constants): readonly (readonly Literal[])[] | null {
  let cases: readonly (readonly Literal[])[] = [[]]
  for (const { condition, is } of facts) {
    if (is === 'not false') continue
    const more = alternatives(condition, is, constants)
    if (more === null || cases.length * more.length > MAX_CASES) return null
    cases = cases.flatMap(one => more.map(other => [...one, ...other])).filter(isConsistent)
  }
  return cases
}

function isConsistent(literals: readonly Literal[]): boolean {
  const opaque = new Map<string, boolean>()
  const ranges = new Map<string, Range>()
  const absent = new Set<string>()
  for (const literal of literals) {
    switch (literal.kind) {
      case 'settled':
        if (!literal.is) return false
        break
      case 'opaque':
        // Time moves on between two looks at it, but a request is decided at one `now`.
        if (opaque.get(literal.text) === !literal.is) return false
        opaque.set(literal.text, literal.is)
        break
      case 'present':
        if (literal.is) rangeAt(ranges, literal.path)
        else absent.add(literal.path)
        break
      case 'compare':
        if (!rangeAt(ranges, literal.path).compare(literal.by, literal.value)) return false
        break
      case 'among':
        if (!rangeAt(ranges, literal.path).among(literal.values, literal.is)) return false
    }
  }
  return [...ranges].every(([path, range]) => !absent.has(path) && range.isPossible())
}

function rangeAt(ranges: Map<string, Range>, path: string): Range {
  const known = ranges.get(path)
  if (known !== undefined) return known
  const fresh = new Range(path.startsWith('size('))
  ranges.set(path, fresh)
  return fresh
}

/** What is left of the values of one path. */
class Range {
  private least: { value: number | bigint; included: boolean } | null = null
  private most: { value: number | bigint; included: boolean } | null = null
  private only: readonly Constant[] | null = null
  private readonly never: Constant[] = []

  constructor(isSize: boolean) {
    if (isSize) this.least = { value: 0n, included: true }
  }

  /** False where nothing is left. */
  compare(by: Comparison, value: Constant): boolean {
    if (by === '==') return this.among([value], true)
    if (by === '!=') return this.among([value], false)
    // Texts have an order too, which nothing is concluded from.
    if (typeof value !== 'number' && typeof value !== 'bigint') return true
    const included = by === '<=' || by === '>='
    if (by === '<' || by === '<=') this.most = tighter(this.most, { value, included }, (a, b) => a < b)
    else this.least = tighter(this.least, { value, included }, (a, b) => a > b)
    return this.isPossible()
  }

  among(values: readonly Constant[], is: boolean): boolean {
    if (is) {
      this.only = this.only === null ? values : this.only.filter(each => values.some(one => same(one, each)))
    } else this.never.push(...values)
    return this.isPossible()
  }

  isPossible(): boolean {
    if (this.only !== null) return this.only.some(value => this.admits(value))
    if (this.least === null || this.most === null) return !this.isBoolWithoutValue()
    if (this.least.value > this.most.value) return false
    if (this.least.value < this.most.value) return true
    return this.least.included && this.most.included && this.admits(this.least.value)
  }

  private admits(value: Constant): boolean {
    if (this.never.some(each => same(each, value))) return false
    if (typeof value !== 'number' && typeof value !== 'bigint') return true
    if (this.least !== null && !(this.least.included ? value >= this.least.value : value > this.least.value))
      return false
    return this.most === null || (this.most.included ? value <= this.most.value : value < this.most.value)
  }

  private isBoolWithoutValue(): boolean {
    return [true, false].every(value => this.never.includes(value))
  }
}

function tighter(
  known: { value: number | bigint; included: boolean } | null,
  bound: { value: number | bigint; included: boolean },
  isTighter: (a: number | bigint, b: number | bigint) => boolean,
): { value: number | bigint; included: boolean } {
  if (known === null || isTighter(bound.value, known.value)) return bound
  if (isTighter(known.value, bound.value)) return known
  return { value: known.value, included: known.included && bound.included }
}

/** CEL compares int and double by their mathematical value. */
function same(a: Constant, b: Constant): boolean {
  const numbers = [a, b].every(each => typeof each === 'number' || typeof each === 'bigint')
  // biome-ignore lint/suspicious/noDoubleEquals: 1n and 1 are one number.
  return numbers ? a == b : a === b
}
