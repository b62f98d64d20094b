import { protocolFault } from '../error-table.js'
import type { Template } from './template.js'

/** The route that a path leads to, by method, and the raw segments that its parameters took, in their order. */
export interface Match<R> {
  readonly byMethod: ReadonlyMap<string, R>
  readonly captured: readonly string[]
}

interface Node<R> {
  readonly literals: Map<string, Node<R>>
  digits: Node<R> | null
  one: Node<R> | null
  rest: Map<string, R> | null
  readonly byMethod: Map<string, R>
}

/**
 * Finds the route of a path in a tree of segments: as many steps as the path has segments, however many routes
 * there are. From left to right a literal beats a parameter, digits beat `{name}`, and that beats `{name+}`. The path is settled
 * before the method: where `/charges/search` exists, no method on it falls back to `/charges/{charge}`.
 */
export class Router<R> {
  private readonly root: Node<R> = emptyNode()

  /** Throws `catalog_ambiguous` where a route of the same method already has the same shape. */
  add(template: Template, route: R): void {
    let node = this.root
    for (const segment of template.segments) {
      if (segment.kind === 'rest') {
        node.rest ??= new Map()
        claim(node.rest, template, route)
        return
      }
      if (segment.kind === 'literal') node = literalChild(node, segment.text)
      else if (segment.kind === 'digits') {
        node.digits ??= emptyNode()
        node = node.digits
      } else {
        node.one ??= emptyNode()
        node = node.one
      }
    }
    claim(node.byMethod, template, route)
  }

  /**
   * Throws `catalog_ambiguous` where two routes of one method match a common path and neither is the more
   * specific one throughout, such as `/a/{x}/c` and `/a/b/{y}`: servers settle that in different ways.
   */
  refuseCrossings(): void {
    refuseWithin(this.root)
  }

  /** Null where no template has this path. Segments are raw and compared byte by byte. */
  find(segments: readonly string[]): Match<R> | null {
    const captured: string[] = []
    const byMethod = descend(this.root, segments, 0, captured)
    return byMethod === null ? null : { byMethod, captured }
  }
}

function emptyNode<R>(): Node<R> {
  return { literals: new Map(), digits: null, one: null, rest: null, byMethod: new Map() }
}

function literalChild<R>(node: Node<R>, text: string): Node<R> {
  let child = node.literals.get(text)
  if (child === undefined) {
    child = emptyNode()
    node.literals.set(text, child)
  }
  return child
}

function claim<R>(byMethod: Map<string, R>, template: Template, route: R): void {
  if (byMethod.has(template.method))
    throw protocolFault('catalog_ambiguous', `${template.method} ${template.path}`)
  byMethod.set(template.method, route)
}

function descend<R>(
  node: Node<R>,
  segments: readonly string[],
  at: number,
  captured: string[],
): ReadonlyMap<string, R> | null {
  if (at === segments.length) return node.byMethod.size === 0 ? null : node.byMethod
  const segment = segments[at] as string
  const literal = node.literals.get(segment)
  if (literal !== undefined) {
    const found = descend(literal, segments, at + 1, captured)
    if (found !== null) return found
  }
  if (segment === '') return null
  for (const child of [isDigits(segment) ? node.digits : null, node.one]) {
    if (child === null) continue
    captured.push(segment)
    const found = descend(child, segments, at + 1, captured)
    if (found !== null) return found
    captured.pop()
  }
  if (node.rest === null) return null
  captured.push(segments.slice(at).join('/'))
  return node.rest
}

function refuseWithin<R>(node: Node<R>): void {
  for (const [text, child] of node.literals) {
    if (node.digits !== null && isDigits(text)) refuseBetween(child, node.digits, false)
    if (node.one !== null) refuseBetween(child, node.one, false)
    refuseWithin(child)
  }
  if (node.digits !== null) {
    if (node.one !== null) refuseBetween(node.digits, node.one, false)
    refuseWithin(node.digits)
  }
  if (node.one !== null) refuseWithin(node.one)
}

/**
 * Walks the paths that both nodes match. `left` was more specific where they parted; from the first segment on
 * where `right` is the more specific one, common methods are ambiguous.
 */
function refuseBetween<R>(left: Node<R>, right: Node<R>, crossed: boolean): void {
  if (crossed)
    for (const method of left.byMethod.keys())
      if (right.byMethod.has(method)) throw protocolFault('catalog_ambiguous', `two ${method} routes cross`)
  for (const [text, child] of left.literals) {
    const same = right.literals.get(text)
    if (same !== undefined) refuseBetween(child, same, crossed)
    if (right.digits !== null && isDigits(text)) refuseBetween(child, right.digits, crossed)
    if (right.one !== null) refuseBetween(child, right.one, crossed)
  }
  if (left.digits !== null) {
    if (right.digits !== null) refuseBetween(left.digits, right.digits, crossed)
    if (right.one !== null) refuseBetween(left.digits, right.one, crossed)
    for (const [text, child] of right.literals) if (isDigits(text)) refuseBetween(left.digits, child, true)
  }
  if (left.one === null) return
  if (right.one !== null) refuseBetween(left.one, right.one, crossed)
  if (right.digits !== null) refuseBetween(left.one, right.digits, true)
  for (const child of right.literals.values()) refuseBetween(left.one, child, true)
}

function isDigits(segment: string): boolean {
  return /^[0-9]{1,20}$/.test(segment)
}
