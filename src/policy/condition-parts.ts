import type { ParseResult } from '@marcbachmann/cel-js'
import { type CelNode, newEnvironment, ROOTS, type Root } from './condition-syntax.js'

/*
 * A condition taken apart for proofs: which of its parts can be true together. Only what is certain is concluded
 * from a part; everything else is `opaque` and may be true or false.
 */

/** A value that a part is compared with. */
export type Constant = string | boolean | bigint | number

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>='

/** What one part says, once it is true. */
export type Literal =
  | { readonly kind: 'compare'; readonly path: string; readonly by: Comparison; readonly value: Constant }
  | {
      readonly kind: 'among'
      readonly path: string
      readonly values: readonly Constant[]
      readonly is: boolean
    }
  | { readonly kind: 'present'; readonly path: string; readonly is: boolean }
  | { readonly kind: 'opaque'; readonly text: string; readonly is: boolean }
  | { readonly kind: 'settled'; readonly is: boolean }

/** What is known of some variables, by path: `agent.environment` → `staging`. */
export type Constants = ReadonlyMap<string, unknown>

export interface ParsedCondition {
  readonly source: string
  /** The probe whose answer it reads as `probe`: two rules may ask different things. */
  readonly probe: string
  readonly ast: CelNode
  /** Paths that the condition reads, and whether it does nothing but compare them (so that it can only fail by a missing one). */
  readonly plain: readonly string[] | null
  /** Paths that it asks for with `has`. */
  readonly asked: readonly string[]
  /** Every path of literal members in it. */
  readonly reads: readonly string[]
  /** Answers of `alternatives` so far. */
  readonly known: Map<string, readonly (readonly Literal[])[] | null>
}

/** Parses a condition that `checkCondition` has accepted; throws what the CEL parser throws. */
export function parseCondition(source: string, probe = ''): ParsedCondition {
  const environment = newEnvironment()
  for (const root of ROOTS) environment.registerVariable(root, 'dyn')
  const ast = (environment.parse(source) as ParseResult).ast as unknown as CelNode
  const own = (path: string): string => pathFor(path, probe)
  const reads = [...new Set(pathsWithin(ast).map(own))]
  const plain = plainPaths(ast)?.map(own) ?? null
  return { source, probe, ast, plain, asked: askedPaths(ast).map(own), reads, known: new Map() }
}

/** `probe.environments` of the probe volume is another value than that of a probe of another name. */
function pathFor(path: string, probe: string): string {
  return path.replace(/^(size\()?probe\b/, `$1probe ${probe}`)
}

/** The tree of an expression that nobody has checked yet; null where it is no CEL. */
export function parseLoosely(source: string): CelNode | null {
  try {
    return newEnvironment().parse(source).ast as unknown as CelNode
  } catch {
    return null
  }
}

/** Ways to say the opposite. */
const OPPOSITE: Readonly<Record<Comparison, Comparison>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
}
/** The same comparison read from the right. */
const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** Alternatives beyond which a condition counts as undecided. */
const MAX_ALTERNATIVES = 128

/**
 * The alternatives (a disjunction of conjunctions) under which an expression is true, or false, without an error;
 * null where there are too many. CEL's `&&` and `||` are true, and false, exactly as their sides say, whatever the
 * other side errs on (CEL langdef, logical operators).
 */
export function alternatives(
  condition: ParsedCondition,
  is: boolean,
  constants: Constants,
): readonly (readonly Literal[])[] | null {
  const key = `${is} ${condition.reads.map(path => wordOf(constants.get(path))).join()}`
  const known = condition.known.get(key)
  if (known !== undefined) return known
  const found = expand(condition, is, constants)
  condition.known.set(key, found)
  return found
}

function wordOf(value: unknown): string {
  return value === undefined
    ? ''
    : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
}

function expand(
  { source, probe, ast }: ParsedCondition,
  is: boolean,
  constants: Constants,
): readonly (readonly Literal[])[] | null {
  try {
    return new Expander(source, probe, constants).expand(ast, is)
  } catch (error) {
    if (error instanceof TooMany) return null
    throw error
  }
}

class TooMany extends Error {}

class Expander {
  private readonly source: string
  private readonly probe: string
  private readonly constants: Constants

  constructor(source: string, probe: string, constants: Constants) {
    this.source = source
    this.probe = probe
    this.constants = constants
  }

  expand(node: CelNode, is: boolean): readonly (readonly Literal[])[] {
    switch (node.op) {
      case '&&':
      case '||': {
        const [left, right] = node.args as [CelNode, CelNode]
        const sides = [this.expand(left, is), this.expand(right, is)] as const
        return (node.op === '&&') === is ? product(...sides) : bounded([...sides[0], ...sides[1]])
      }
      case '!_':
        return this.expand(node.args as CelNode, !is)
      case '?:': {
        const [condition, yes, no] = node.args as [CelNode, CelNode, CelNode]
        return bounded([
          ...product(this.expand(condition, true), this.expand(yes, is)),
          ...product(this.expand(condition, false), this.expand(no, is)),
        ])
      }
      default:
        return [[this.literal(node, is)]]
    }
  }

  private literal(node: CelNode, is: boolean): Literal {
    const settled = this.settled(node)
    if (settled !== undefined) return { kind: 'settled', is: settled === is }
    const text = `${this.probe} ${this.source.slice(node.start, node.end)}`
    const opaque: Literal = { kind: 'opaque', text, is }
    if (Object.hasOwn(OPPOSITE, node.op)) {
      const [left, right] = node.args as [CelNode, CelNode]
      return this.comparison(node.op as Comparison, left, right, is) ?? opaque
    }
    if (node.op === 'in') {
      const [left, right] = node.args as [CelNode, CelNode]
      const path = this.pathOf(left)
      const values = right.op === 'list' ? (right.args as CelNode[]).map(each => this.constant(each)) : []
      const known = values.filter(each => each !== undefined)
      if (path === null || right.op !== 'list' || known.length < values.length) return opaque
      return { kind: 'among', path, values: known, is }
    }
    const presence = presenceOf(node)
    if (presence !== null) return { kind: 'present', path: pathFor(presence, this.probe), is }
    const path = this.pathOf(node)
    return path === null ? opaque : { kind: 'compare', path, by: '==', value: is }
  }

  private comparison(by: Comparison, left: CelNode, right: CelNode, is: boolean): Literal | null {
    const [leftPath, rightPath] = [this.pathOf(left), this.pathOf(right)]
    const as = is ? by : OPPOSITE[by]
    if (leftPath !== null) {
      const value = this.constant(right)
      if (value !== undefined) return { kind: 'compare', path: leftPath, by: as, value }
    }
    if (rightPath !== null) {
      const value = this.constant(left)
      if (value !== undefined) return { kind: 'compare', path: rightPath, by: MIRRORED[as], value }
    }
    return null
  }

  private pathOf(node: CelNode): string | null {
    const path = pathOf(node)
    return path === null ? null : pathFor(path, this.probe)
  }

  private constant(node: CelNode): Constant | undefined {
    const value = this.evaluate(node)
    switch (typeof value) {
      case 'string':
      case 'boolean':
      case 'bigint':
      case 'number':
        return value
      default:
        return undefined
    }
  }

  /** Whether a part is true or false by what is known alone. */
  private settled(node: CelNode): boolean | undefined {
    const value = this.evaluate(node)
    return typeof value === 'boolean' ? value : undefined
  }

  /** The value of a part that reads nothing but constants; undefined for any other, and for one that fails. */
  private evaluate(node: CelNode): unknown {
    if (node.op === 'value') return node.args
    const paths = readPaths(node)
    if (paths === null || !paths.every(path => this.constants.has(path))) return undefined
    try {
      const environment = newEnvironment()
      const variables: Record<string, unknown> = {}
      for (const path of paths) place(variables, path.split('.'), this.constants.get(path))
      for (const root of Object.keys(variables)) environment.registerVariable(root, 'dyn')
      return environment.parse(this.source.slice(node.start, node.end))(variables)
    } catch {
      return undefined
    }
  }
}

function place(variables: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [root, ...rest] = steps as [string, ...string[]]
  const last = rest.pop()
  if (last === undefined) return
  let at = (variables[root] ?? new Map<string, unknown>()) as Map<string, unknown>
  variables[root] = at
  for (const step of rest) {
    const inner = (at.get(step) ?? new Map<string, unknown>()) as Map<string, unknown>
    at.set(step, inner)
    at = inner
  }
  at.set(last, value)
}

function product(
  a: readonly (readonly Literal[])[],
  b: readonly (readonly Literal[])[],
): readonly (readonly Literal[])[] {
  if (a.length * b.length > MAX_ALTERNATIVES) throw new TooMany()
  return a.flatMap(left => b.map(right => [...left, ...right]))
}

function bounded(list: readonly (readonly Literal[])[]): readonly (readonly Literal[])[] {
  if (list.length > MAX_ALTERNATIVES) throw new TooMany()
  return list
}

/** `args.amount` for a path of literal members, `size(args.tags)` for its length; null for anything else. */
function pathOf(node: CelNode): string | null {
  if (node.op === 'call') {
    const [name, args] = node.args as [string, readonly CelNode[]]
    const inner = name === 'size' && args[0] !== undefined ? pathOf(args[0]) : null
    return inner === null ? null : `size(${inner})`
  }
  if (node.op === 'rcall') {
    const [name, receiver, args] = node.args as [string, CelNode, readonly CelNode[]]
    const inner = name === 'size' && args.length === 0 ? pathOf(receiver) : null
    return inner === null ? null : `size(${inner})`
  }
  const steps = stepsOf(node)
  return steps === null ? null : steps.join('.')
}

function stepsOf(node: CelNode): readonly string[] | null {
  if (node.op === 'id') return isRoot(node.args as string) ? [node.args as string] : null
  if (node.op !== '.' && node.op !== '[]') return null
  const [left, right] = node.args as [CelNode, string | CelNode]
  const before = stepsOf(left)
  const name = typeof right === 'string' ? right : right.op === 'value' ? right.args : null
  // A dot within a member's name would make two paths look like one.
  return before === null || typeof name !== 'string' || name.includes('.') ? null : [...before, name]
}

function presenceOf(node: CelNode): string | null {
  if (node.op !== 'call') return null
  const [name, args] = node.args as [string, readonly CelNode[]]
  return name === 'has' && args[0] !== undefined ? pathOf(args[0]) : null
}

function isRoot(name: string): name is Root {
  return (ROOTS as readonly string[]).includes(name)
}

/** Every path that an expression reads; null where it does more than read paths of literal members. */
function readPaths(node: CelNode): readonly string[] | null {
  if (node.op === 'value') return []
  const steps = stepsOf(node)
  if (steps !== null) return steps.length > 1 ? [steps.join('.')] : null
  if (node.op === 'id') return null
  const children = childrenOf(node)
  const inner = children.map(readPaths)
  return inner.includes(null) ? null : inner.flatMap(paths => paths ?? [])
}

function pathsWithin(node: CelNode): readonly string[] {
  const steps = stepsOf(node)
  return steps === null ? childrenOf(node).flatMap(pathsWithin) : [steps.join('.')]
}

export function childrenOf(node: CelNode): readonly CelNode[] {
  const list: readonly unknown[] = Array.isArray(node.args) ? node.args.flat(2) : [node.args]
  return list.filter(
    (each): each is CelNode => typeof each === 'object' && each !== null && 'op' in each && 'args' in each,
  )
}

function askedPaths(node: CelNode): readonly string[] {
  const presence = presenceOf(node)
  return presence === null ? childrenOf(node).flatMap(askedPaths) : [presence]
}

/** See `ParsedCondition.plain`. */
function plainPaths(node: CelNode): readonly string[] | null {
  if (node.op === 'value') return []
  if (['&&', '||', '!_', 'in', 'list', ...Object.keys(OPPOSITE)].includes(node.op)) {
    const inner = childrenOf(node).map(plainPaths)
    return inner.includes(null) ? null : inner.flatMap(paths => paths ?? [])
  }
  if (presenceOf(node) !== null) return []
  const steps = stepsOf(node)
  return steps === null ? null : [steps.join('.')]
}
