import { parse as parseYaml } from 'yaml'
import { CountersignError } from '../canon/index.js'
import {
  type AwsShelf,
  type CatalogDocument,
  graphqlCatalog,
  type OperationClass,
  openapiCatalog,
  routesCatalog,
} from '../protocol/index.js'
import type { ApiSource, RouteSource } from './document.js'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'
import { parseOrigin } from './upstream.js'

/** What describes the APIs of a policy from outside its source. */
export interface CatalogSources {
  /** Shipped catalogs by name. */
  readonly catalogs: ReadonlyMap<string, CatalogDocument>
  /** The shipped services of the catalog aws. */
  readonly aws?: AwsShelf
  /** Contents of the files that `openapi` and `graphql.schema` name, by the name as written. */
  readonly files: ReadonlyMap<string, string>
}

/** Files that a policy's APIs name, for the caller to read; relative to the policy's own folder. */
export function filesOf(apis: Readonly<Record<string, ApiSource>>): readonly string[] {
  const files = Object.values(apis).flatMap(api => [api.openapi, api.graphql?.schema])
  return [...new Set(files.filter(file => file !== undefined))]
}

/** The catalog document of one API; null, with findings, where there is none. */
export function catalogOf(
  name: string,
  api: ApiSource,
  path: DocumentPath,
  sources: CatalogSources,
  findings: Findings,
): CatalogDocument | null {
  const kinds = (['catalog', 'routes', 'openapi', 'graphql'] as const).filter(kind => api[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    findings.add(
      'api_kind',
      path,
      `The API ${name} has ${kinds.length === 0 ? 'none' : kinds.join(' and ')} of them.`,
    )
    return null
  }
  if (kind === 'catalog') return shipped(api.catalog as string, [...path, 'catalog'], sources, findings)
  if (api.upstream === undefined) {
    findings.add('upstream_required', path, `The API ${name} has no upstream.`)
    return null
  }
  const upstream = parseOrigin(api.upstream)
  if (upstream === null) {
    findings.add('bad_upstream', [...path, 'upstream'], `"${api.upstream}" is not an origin.`)
    return null
  }
  const own = { upstream: upstream.origin }
  const at = [...path, kind]
  return described(kind, at, findings, () => {
    switch (kind) {
      case 'routes':
        return routesCatalog(name, (api.routes ?? []).map(routeOf), own)
      case 'openapi': {
        const text = fileText(api.openapi as string, at, sources, findings)
        return text === null ? null : openapiCatalog(name, parseYaml(text, { maxAliasCount: 0 }), own)
      }
      case 'graphql': {
        const { schema = '', path: endpoint = '' } = api.graphql ?? {}
        const text = fileText(schema, [...at, 'schema'], sources, findings)
        return text === null ? null : graphqlCatalog(name, text, { ...own, path: endpoint })
      }
    }
  })
}

function shipped(
  name: string,
  path: DocumentPath,
  { catalogs }: CatalogSources,
  findings: Findings,
): CatalogDocument | null {
  const catalog = catalogs.get(name)
  if (catalog !== undefined) return catalog
  findings.add('unknown_catalog', path, `There is no catalog "${name}".${didYouMean(name, catalogs.keys())}`)
  return null
}

function fileText(
  file: string,
  path: DocumentPath,
  { files }: CatalogSources,
  findings: Findings,
): string | null {
  const text = files.get(file)
  if (text === undefined) findings.add('missing_file', path, `The file ${file} could not be read.`)
  return text ?? null
}

function described(
  kind: string,
  path: DocumentPath,
  findings: Findings,
  make: () => CatalogDocument | null,
): CatalogDocument | null {
  try {
    return make()
  } catch (error) {
    const reason =
      error instanceof CountersignError ? error.message : `The ${kind} description can’t be read.`
    findings.add('bad_catalog', path, reason)
    return null
  }
}

function routeOf(route: RouteSource): Parameters<typeof routesCatalog>[1][number] {
  return {
    route: route.route,
    classes: listOf<OperationClass>(route.class),
    ...(route.args === undefined ? {} : { args: route.args }),
    ...(route.effect === undefined ? {} : { effects: listOf(route.effect) }),
    ...(route.resources === undefined ? {} : { resources: route.resources }),
    ...(route.body === undefined
      ? {}
      : { body: route.body === 'stream' ? (['stream'] as const) : route.body }),
  }
}

/** A value that may be written alone or as a list. */
export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly T[]) : [value as T]
}
