import { globMatches } from './glob.js'
import { isSameNode, liesInNode, type NodeId, nodeIdOf } from './node-id.js'
import { barePattern, uuidDigits } from './uuid.js'

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

/** Whether a pattern with stars may match some way to write an id; errs on the side of yes. */
export function mayMatchId(pattern: string, id: UniqueId): boolean {
  if (id.form === 'node') return true
  const bare = barePattern(pattern)
  return [id.digits, `urn:uuid:${id.digits}`].some(text => globMatches(bare, text))
}
