import type { ApiView, PolicyView } from '../link/index.js'
import { type Catalog, openCatalog, type Slot } from '../protocol/index.js'
import { requestHeaderSet, responseHeaderSet } from './header-sets.js'
import type { Upstream, Upstreams } from './upstream.js'

/** One API of the policy in force, ready to classify and to forward. */
export interface GateApi {
  readonly name: string
  readonly catalog: Catalog
  readonly slots: readonly Slot[]
  /** By the labels that `Catalog.originOf` answers. */
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly requestHeaders: ReadonlySet<string>
  readonly responseHeaders: ReadonlySet<string>
}

/** What the gate serves under one policy; replaced whole when the keeper announces another. */
export interface Routing {
  readonly policyCid: string
  readonly apis: ReadonlyMap<string, GateApi>
}

/** A name that can stand as the first segment of a path and in a metric's label. */
const API_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Opens the catalogs of a policy. Throws where one is malformed: the policy is then not served. */
export function openRouting(view: PolicyView, upstreams: Upstreams): Routing {
  const apis = new Map<string, GateApi>()
  for (const api of view.apis) {
    if (API_NAME.test(api.name)) apis.set(api.name, openApi(api, upstreams))
  }
  return { policyCid: view.cid, apis }
}

function openApi(view: ApiView, upstreams: Upstreams): GateApi {
  const catalog = openCatalog(view.catalog)
  return {
    name: view.name,
    catalog,
    slots: catalog.profile.slots,
    upstreams: new Map(
      Object.entries(view.origins).map(([label, origin]) => [
        label,
        upstreams.to(origin, view.privateUpstream),
      ]),
    ),
    requestHeaders: requestHeaderSet(catalog.profile),
    responseHeaders: responseHeaderSet(catalog.profile),
  }
}
