import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type Catalog,
  classify,
  type Header,
  type Operation,
  type OwnRoute,
  openCatalog,
  type RawRequest,
  type Recognised,
  routesCatalog,
} from '../../src/protocol/index.js'

export const FORM: Header = ['content-type', 'application/x-www-form-urlencoded']
export const JSON_TYPE: Header = ['content-type', 'application/json']

/** A request with a body of text. */
export function request(
  method: string,
  target: string,
  options: { readonly headers?: readonly Header[]; readonly body?: string | Uint8Array } = {},
): RawRequest {
  const { headers = [], body = null } = options
  return { method, target, headers, body: typeof body === 'string' ? new TextEncoder().encode(body) : body }
}

/** The code with which a request is refused; fails where it isn't. */
export function refusalOf(catalog: Catalog, raw: RawRequest): string {
  const classification = classify(catalog, raw)
  assert.equal(classification.kind, 'unclassifiable', `${raw.method} ${raw.target} was recognised`)
  return (classification as { code: string }).code
}

/** The one operation that a request was recognised as. */
export function recognisedIn(catalog: Catalog, raw: RawRequest): Recognised {
  const classification = classify(catalog, raw)
  assert.equal(classification.kind, 'operations', JSON.stringify(classification))
  const { operations } = classification as { operations: readonly Recognised[] }
  assert.equal(operations.length, 1)
  return operations[0] as Recognised
}

export function operationIn(catalog: Catalog, raw: RawRequest): Operation {
  return catalog.describe('api', recognisedIn(catalog, raw))
}

/** Arguments as plain data: parsed objects have no prototype, which deepEqual minds. */
export function argsIn(catalog: Catalog, raw: RawRequest): unknown {
  return JSON.parse(JSON.stringify(recognisedIn(catalog, raw).args))
}

export function catalogOf(routes: readonly OwnRoute[]): Catalog {
  return openCatalog(routesCatalog('own', routes, { upstream: 'https://api.example.com' }))
}

/** The catalog that ships. */
export function shippedCatalog(name: string): Catalog {
  return openCatalog(JSON.parse(readFileSync(shippedPath(name), 'utf8')))
}

/** Compiled tests lie in dist/test/protocol. */
export function shippedPath(name: string): string {
  return fileURLToPath(new URL(`../../../config/catalogs/${name}.json`, import.meta.url))
}
