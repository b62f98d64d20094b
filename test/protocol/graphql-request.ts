import { readFileSync } from 'node:fs'
import {
  type Catalog,
  type Classification,
  classify,
  type Operation,
  openCatalog,
  type RawRequest,
} from '../../src/protocol/index.js'

/** The catalog that ships. */
export function railway(): Catalog {
  return openCatalog(
    JSON.parse(readFileSync(new URL('../../../config/catalogs/railway.json', import.meta.url), 'utf8')),
  )
}

/** A GraphQL request as an SDK sends it, with parts to replace. */
export function post(body: unknown, changed: Partial<RawRequest> = {}): RawRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    method: 'POST',
    target: '/graphql/v2',
    headers: [['content-type', 'application/json']],
    body: new TextEncoder().encode(text),
    ...changed,
  }
}

/** The described operations of a request that must be classifiable. */
export function operationsOf(catalog: Catalog, request: RawRequest): readonly Operation[] {
  const classification = classify(catalog, request)
  if (classification.kind === 'unclassifiable')
    throw new Error(`unclassifiable: ${classification.code} ${classification.detail}`)
  return classification.operations.map(recognised => catalog.describe('railway', recognised))
}

export function ask(catalog: Catalog, query: string, variables?: object): readonly Operation[] {
  return operationsOf(catalog, post({ query, ...(variables === undefined ? {} : { variables }) }))
}

export function names(operations: readonly Operation[]): readonly string[] {
  return operations.map(operation => operation.name)
}

/** The code of a refusal, or the names of the operations where there is none. */
export function codeOf(classification: Classification): string {
  return classification.kind === 'unclassifiable'
    ? classification.code
    : `operations: ${classification.operations.map(operation => operation.name).join(' ')}`
}

/** Arguments without the missing prototype that strict comparison would see. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
