import type { JsonObject } from '../canon/index.js'
import { type ArgumentType, type Catalog, type OperationSpec, UNMAPPED } from '../protocol/index.js'
import { type Path, place } from './argument-path.js'

/** What stands in a text whose way into scope and resources is looked for. */
const MARK = 'countersign-mark'

const MARKS = /countersign-mark-([0-9]+)-/

const MAX_LEAVES = 400

/** Where an operation takes a member of its scope from, or a resource: a text whose odd pieces are arguments. */
export type ArgumentPlace =
  | { readonly kind: 'member'; readonly member: string; readonly path: Path }
  | {
      readonly kind: 'resource'
      readonly type: string
      readonly texts: readonly string[]
      readonly paths: readonly Path[]
    }

/** Puts marks into every text that an operation takes, and looks for them in what is described. */
export function placesOf(
  spec: OperationSpec,
  api: string,
  catalog: Catalog,
  region: { readonly region?: string },
): readonly ArgumentPlace[] {
  const leaves = textLeaves(spec.args)
  const types = new Set(spec.resources.filter(type => type !== UNMAPPED))
  const found = leaves.flatMap((path): readonly ArgumentPlace[] => {
    const args: JsonObject = {}
    place(args, path, MARK)
    const { scope, resources } = catalog.describe(api, { name: spec.name, args, ...region })
    const member = Object.keys(scope).find(each => scope[each] === MARK)
    if (member !== undefined) return [{ kind: 'member', member, path }]
    return resources
      .filter(({ type, id }) => id.includes(MARK) && types.has(type))
      .slice(0, 1)
      .map(({ type, id }) => ({ kind: 'resource', type, texts: id.split(MARK), paths: [path] }))
  })
  const single = new Set(found.map(each => (each.kind === 'resource' ? each.type : '')))
  return [
    ...found,
    ...joinedPlaces(leaves).filter(each => each.kind !== 'resource' || !single.has(each.type)),
  ]

  /** Resources that several arguments name together, such as an object by its bucket and its key. */
  function joinedPlaces(paths: readonly Path[]): readonly ArgumentPlace[] {
    const args: JsonObject = {}
    for (const [at, path] of paths.entries()) place(args, path, `countersign-mark-${at}-`)
    const { resources } = catalog.describe(api, { name: spec.name, args, ...region })
    return resources.flatMap(({ type, id }): ArgumentPlace[] => {
      const pieces = id.split(MARKS)
      const marked = pieces.filter((_, at) => at % 2 === 1).map(at => paths[Number(at)] as Path)
      if (marked.length < 2 || !types.has(type)) return []
      return [{ kind: 'resource', type, texts: pieces.filter((_, at) => at % 2 === 0), paths: marked }]
    })
  }
}

function textLeaves(type: ArgumentType, before: readonly string[] = []): readonly (readonly string[])[] {
  if (type === 'string' || type === 'any') return before.length === 0 ? [] : [before]
  if (typeof type === 'string' || before.length > 3) return []
  if ('list' in type) return textLeaves(type.list, [...before, '[]']).slice(0, MAX_LEAVES)
  if (!('fields' in type)) return []
  return Object.entries(type.fields)
    .flatMap(([name, inner]) => textLeaves(inner, [...before, name]))
    .slice(0, MAX_LEAVES)
}
