import { canonicalBytes, contentId, portableDigests } from '../../canon/index.js'
import type { ApiProfile, CatalogDocument } from '../catalog.js'
import type { RestDocument, RestRoute } from './document.js'
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

/** What the path names is a resource, unless the route says otherwise: `/invoices/{id}` acts on an `invoice`. */
function withPathResources(route: RestRoute): RestRoute {
  if (route.resources !== undefined) return route
  const template = parseTemplate(route.route)
  const resources = template.segments.flatMap(segment =>
    segment.kind === 'literal' ? [] : [{ type: resourceTypeOf(template, segment.name), arg: segment.name }],
  )
  return resources.length === 0 ? route : { ...route, resources }
}
