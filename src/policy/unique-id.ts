import { isSameNode, liesInNode, type NodeId, nodeIdOf } from './node-id.js'
import { uuidDigits } from './uuid.js'

/** An id that is one thing's alone, whatever type an API calls it by: a UUID, or a node of GitHub's. */
export type UniqueId =
  | { readonly form: 'uuid'; readonly digits: string }
  | ({ readonly form: 'node' } & NodeId)

/** Null for an id of any other kind: an id of those says nothing without its type. */
export function uniqueIdOf(text: string): UniqueId | null {
  const digits = uuidDigits(text)
  if (digits !== null) return { form: 'uuid', digits }
  const node = nodeIdOf(text)
  return node === null ? null : { form: 'node', ...node }
}

/** Whether two ids, however written, are of one thing. */
export function isSameId(a: UniqueId, b: UniqueId): boolean {
  if (a.form === 'uuid') return b.form === 'uuid' && a.digits === b.digits
  return b.form === 'node' && isSameNode(a, b)
}

/** Whether a thing is the one that is named, or lies in it as far as its id tells. */
export function isOfId(own: UniqueId, named: UniqueId): boolean {
  return isSameId(own, named) || (own.form === 'node' && named.form === 'node' && liesInNode(own, named))
}

/** The same for all spellings of an id that hold and deny take for one: capitals and small letters, and those of a UUID. */
export function foldedId(text: string): string {
  return uuidDigits(text) ?? text.toLowerCase()
}

/** Every way to write a UUID that its servers take, in small letters. */
export function uuidSpellings(digits: string): readonly string[] {
  const [a, b, c, d, e] = [0, 8, 12, 16, 20].map((from, i, all) => digits.slice(from, all[i + 1]))
  let written = [`${a}`]
  for (const part of [b, c, d, e]) written = written.flatMap(each => [`${each}${part}`, `${each}-${part}`])
  return written.flatMap(each => [each, `{${each}`, `${each}}`, `{${each}}`])
}
