import { Environment, type ParseResult } from '@marcbachmann/cel-js'

/*
 * The part of CEL (https://github.com/google/cel-spec, langdef.md) that a `when` may use. What is left out could
 * be made expensive by an agent: regular expressions, comprehensions within comprehensions, `split`, `cel.bind`.
 * What is left is linear in the request times the length of the expression.
 */

export const ROOTS = ['agent', 'operation', 'args', 'resources', 'scope', 'probe', 'request', 'now'] as const
export type Root = (typeof ROOTS)[number]

/** Structural bounds of one expression. */
export const CEL_OPTIONS = {
  limits: { maxAstNodes: 400, maxDepth: 24, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 },
} as const

const FUNCTIONS = new Set(['has', 'size', 'string', 'int', 'double', 'timestamp', 'duration'])
const METHODS = new Set([
  ...['startsWith', 'endsWith', 'contains', 'size', 'lowerAscii', 'upperAscii', 'trim', 'substring'],
  ...['indexOf', 'lastIndexOf', 'join'],
  ...['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear'],
  ...['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
])
const COMPREHENSIONS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/** The shape of the parser's nodes as far as it is used here; a test holds an upgrade of the package to it. */
export interface CelNode {
  readonly op: string
  readonly args: unknown
  readonly start: number
  readonly end: number
}

/** A path from one of the roots, as far as its members are literal. */
export interface CelPath {
  readonly root: Root
  readonly steps: readonly CelStep[]
  /** The whole path is the argument of `has`. */
  readonly presence: boolean
}

export type CelStep =
  | { readonly kind: 'member'; readonly name: string; readonly at: number }
  | { readonly kind: 'element'; readonly at: number }

export interface CelRefusal {
  readonly message: string
  readonly at: number
}

/** What an expression touches, and what of it may not be used. */
export interface CelOutline {
  readonly paths: readonly CelPath[]
  readonly refusals: readonly CelRefusal[]
}

/** Walks a parsed expression once. */
export function outlineOf(parsed: ParseResult): CelOutline {
  const outline = new Outline()
  outline.visit(parsed.ast as unknown as CelNode, new Set(), false)
  return outline
}

/** Top members of `args` that an expression reads; null where it takes `args` whole. */
export function argumentMembers(outline: CelOutline): readonly string[] | null {
  const members = new Set<string>()
  for (const path of outline.paths) {
    if (path.root !== 'args') continue
    const [first] = path.steps
    if (first?.kind !== 'member') return null
    members.add(first.name)
  }
  return [...members]
}

export function newEnvironment(): Environment {
  return new Environment(CEL_OPTIONS)
}

class Outline implements CelOutline {
  readonly paths: CelPath[] = []
  readonly refusals: CelRefusal[] = []

  visit(node: CelNode, bound: ReadonlySet<string>, inComprehension: boolean): void {
    switch (node.op) {
      case 'value':
        return
      case 'id':
      case '.':
      case '[]':
        this.path(node, bound, inComprehension, false)
        return
      case 'call':
        this.call(node, bound, inComprehension)
        return
      case 'rcall':
        this.method(node, bound, inComprehension)
        return
      default:
        for (const child of childrenOf(node)) this.visit(child, bound, inComprehension)
    }
  }

  private path(node: CelNode, bound: ReadonlySet<string>, inComprehension: boolean, presence: boolean): void {
    const steps: CelStep[] = []
    let at = node
    while (at.op === '.' || at.op === '[]') {
      const [left, right] = at.args as [CelNode, string | CelNode]
      if (typeof right === 'string') steps.unshift({ kind: 'member', name: right, at: at.end - right.length })
      else if (right.op === 'value' && typeof right.args === 'string') {
        steps.unshift({ kind: 'member', name: right.args, at: right.start })
      } else {
        this.visit(right, bound, inComprehension)
        steps.unshift({ kind: 'element', at: right.start })
      }
      at = left
    }
    if (at.op !== 'id') {
      this.visit(at, bound, inComprehension)
      return
    }
    const name = at.args as string
    if (bound.has(name)) {
      if (presence) this.refuse(node, '`has` works on a path from a variable, not on an element.')
    } else if (isRoot(name)) this.paths.push({ root: name, steps, presence })
  }

  private call(node: CelNode, bound: ReadonlySet<string>, inComprehension: boolean): void {
    const [name, args] = node.args as [string, readonly CelNode[]]
    if (!FUNCTIONS.has(name)) {
      this.refuse(node, `The function ${name} is not available.`)
      return
    }
    const [first] = args
    if (name === 'has' && first !== undefined) {
      this.path(first, bound, inComprehension, true)
      return
    }
    for (const arg of args) this.visit(arg, bound, inComprehension)
  }

  private method(node: CelNode, bound: ReadonlySet<string>, inComprehension: boolean): void {
    const [name, receiver, args] = node.args as [string, CelNode, readonly CelNode[]]
    if (COMPREHENSIONS.has(name)) {
      if (inComprehension) {
        this.refuse(node, `${name} within another comprehension is not available.`)
        return
      }
      this.visit(receiver, bound, inComprehension)
      const [variable, ...rest] = args
      const element = variable?.args
      if (variable?.op !== 'id' || typeof element !== 'string') return
      if (isRoot(element)) {
        this.refuse(variable, `${element} is taken; name the element differently.`)
        return
      }
      for (const arg of rest) this.visit(arg, new Set([...bound, element]), true)
      return
    }
    if (!METHODS.has(name)) {
      this.refuse(node, `The function ${name} is not available.`)
      return
    }
    this.visit(receiver, bound, inComprehension)
    for (const arg of args) this.visit(arg, bound, inComprehension)
  }

  private refuse(node: CelNode, message: string): void {
    this.refusals.push({ message, at: node.start })
  }
}

function isRoot(name: string): name is Root {
  return (ROOTS as readonly string[]).includes(name)
}

function isNode(value: unknown): value is CelNode {
  return typeof value === 'object' && value !== null && typeof (value as CelNode).op === 'string'
}

function childrenOf(node: CelNode): readonly CelNode[] {
  if (isNode(node.args)) return [node.args]
  return Array.isArray(node.args) ? (node.args.flat() as unknown[]).filter(isNode) : []
}
