import type { ArgumentType, CatalogDocument } from '../catalog.js'
import type { OperationClass } from '../operation.js'
import type { BodyKind, RestRoute } from './document.js'
import { type OwnApi, type OwnResources, ownCatalog, resourceArguments } from './own-catalog.js'
import { parseTemplate } from './template.js'

/** One line of `routes:` in a policy. */
export interface OwnRoute {
  /** `GET /invoices/{id}` */
  readonly route: string
  readonly classes: readonly OperationClass[]
  /** Types of query and body parameters; path parameters are strings, others are untyped. */
  readonly args?: Readonly<Record<string, ArgumentType>>
  readonly effects?: readonly string[]
  /** What query and body name, beside what the path does. */
  readonly resources?: OwnResources
  /** `none` where the operation takes no body. JSON or a form for POST, PUT and PATCH unless told, none for others. */
  readonly body?: readonly BodyKind[] | 'none'
}

/**
 * The catalog for a policy's `routes:`. Throws `catalog_template` for a malformed route; everything else is
 * checked when the document is opened.
 */
export function routesCatalog(name: string, routes: readonly OwnRoute[], api: OwnApi): CatalogDocument {
  return ownCatalog(name, routes.map(restRoute), api, { package: 'policy', version: '1', content: routes })
}

function restRoute(own: OwnRoute): RestRoute {
  const body = own.body ?? usualBodies(parseTemplate(own.route).method)
  return {
    route: own.route,
    classes: own.classes,
    ...(body === 'none' || body.length === 0 ? {} : { body }),
    ...(own.args === undefined ? {} : { args: own.args }),
    ...(own.effects === undefined ? {} : { effects: own.effects }),
    ...(own.resources === undefined ? {} : { resources: resourceArguments(own.resources) }),
  }
}

function usualBodies(method: string): readonly BodyKind[] {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? ['json', 'form'] : []
}
