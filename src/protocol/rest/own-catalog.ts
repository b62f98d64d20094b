import { canonicalBytes, contentId, portableDigests } from '../../canon/index.js'
import { stepsOf } from '../argument-rule.js'
import type { ApiProfile, ArgumentType, CatalogDocument } from '../catalog.js'
import type { ResourceArgument, RestDocument, RestRoute } from './document.js'
import { parseTemplate, resourceTypeOf } from './template.js'

/** Where a team's own API lives and where its catalog comes from. */
export interface OwnApi {
  /** Origin only: `https://billing.internal`. */
  readonly upstream: string
}

const REQUEST_HEADERS = ['idempotency-key', 'if-match', 'if-modified-since', 'if-none-match', 'prefer']
const RESPONSE_HEADERS = ['etag', 'last-modified', 'link', 'location', 'retry-after']

/** The catalog of an API of the team's own. `origin` names what it was made from; the digest is of that. */
export function ownCatalog(
  name: string,
  routes: readonly RestRoute[],
  api: OwnApi,
  origin: { readonly package: string; readonly version: string; readonly content: unknown },
): CatalogDocument {
  const profile: ApiProfile = {
    dialect: 'rest',
    slots: ['bearer', 'countersign-grant'],
    requestHeaders: REQUEST_HEADERS,
    responseHeaders: RESPONSE_HEADERS,
    origins: { default: api.upstream },
  }
  const body: RestDocument = { routes: routes.map(withPathResources) }
  return {
    v: 1,
    name,
    protocol: 'rest',
    source: {
      package: origin.package,
      version: origin.version,
      digest: contentId(portableDigests, canonicalBytes(origin.content)),
    },
    profile,
    body,
  }
}

/** What the path names is a resource beside those that the route declares: `/invoices/{id}` acts on an `invoice`. */
function withPathResources(route: RestRoute): RestRoute {
  const template = parseTemplate(route.route)
  const inPath = template.segments.flatMap(segment =>
    segment.kind === 'literal' ? [] : [{ type: resourceTypeOf(template, segment.name), arg: segment.name }],
  )
  const { resources = [], args = {} } = route
  const all = [...inPath, ...resources]
  const types = { ...typesOf(resources), ...args }
  return {
    ...route,
    ...(all.length === 0 ? {} : { resources: all }),
    ...(Object.keys(types).length === 0 ? {} : { args: types }),
  }
}

/**
 * Types of the arguments that hold ids. ATTACK: `{"lines":[{"invoice":"in_1"},{"Invoice":"in_2"}]}`, which is two invoices to
 * a server that folds case: another spelling of a declared member is refused.
 */
function typesOf(resources: readonly ResourceArgument[]): Readonly<Record<string, ArgumentType>> {
  const paths = resources.flatMap(each => ('arg' in each ? [stepsOf(each.arg)] : each.args.map(stepsOf)))
  return fieldsAt(paths)
}

function fieldsAt(paths: readonly (readonly string[])[]): Readonly<Record<string, ArgumentType>> {
  const names = new Set(paths.map(([first = '']) => first))
  return Object.fromEntries(
    [...names].map(name => [
      name,
      typeAt(paths.filter(([first]) => first === name).map(([, ...rest]) => rest)),
    ]),
  )
}

function typeAt(paths: readonly (readonly string[])[]): ArgumentType {
  if (paths.some(({ length }) => length === 0)) return 'any'
  if (paths.every(([first]) => first === '[]')) return { list: typeAt(paths.map(([, ...rest]) => rest)) }
  return { fields: fieldsAt(paths) }
}

/** Type → path of the argument that holds its id, or several: `{ invoice: 'lines[].invoice' }`. */
export type OwnResources = Readonly<Record<string, string | readonly string[]>>

/** The same as a catalog has it. */
export function resourceArguments(resources: OwnResources): readonly ResourceArgument[] {
  return Object.entries(resources).flatMap(([type, paths]) => [paths].flat().map(arg => ({ type, arg })))
}
