import { type AwsShelf, awsCatalog, type CatalogDocument, type OperationClass } from '../protocol/index.js'
import { listOf } from './api-catalog.js'
import type { ApiSource, CredentialSource } from './document.js'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'
import { parseOrigin } from './upstream.js'

/** Keys of an API that mean something for AWS alone. */
export const AWS_KEYS = ['services', 'regions', 'operations', 'insecureTestEndpoints'] as const

/** Hosts that AWS itself serves: the public endpoints, and those of a VPC. */
const AWS_HOST = /\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws)$/
const ROLE = /^arn:(aws[a-z-]*):iam::([0-9]{12}):role\//

/**
 * The catalog of exactly the services and regions that an API names, for the account of its credential's role; null,
 * with findings, where they can't be told.
 */
export function awsApiCatalog(
  api: ApiSource,
  credential: CredentialSource | undefined,
  path: DocumentPath,
  shelf: AwsShelf | undefined,
  findings: Findings,
): CatalogDocument | null {
  const { services = [], regions = [] } = api
  const role = credential?.minter === 'aws-sts' ? ROLE.exec(credential.role) : null
  const missing = [
    ...(services.length === 0 ? ['`services`'] : []),
    ...(regions.length === 0 ? ['`regions`'] : []),
    ...(role === null ? ['a credential of the minter aws-sts'] : []),
  ]
  if (shelf === undefined) findings.add('unknown_catalog', [...path, 'catalog'], 'This build ships no AWS.')
  if (missing.length > 0)
    findings.add('aws_choice', path, `An API of the catalog aws needs ${missing.join(' and ')}.`)
  const known = shelf === undefined || areKnown(services, path, shelf, findings)
  if (shelf === undefined || role === null || missing.length > 0 || !known) return null
  const [, partition, account] = role as unknown as [string, string, string]
  return awsCatalog(shelf, {
    services: [...new Set(services)].sort(),
    regions: [...new Set(regions)].sort(),
    partition,
    account,
    more: (api.operations ?? []).map(({ operation, http, class: classes }) => {
      const colon = operation.indexOf(':')
      return {
        service: operation.slice(0, colon),
        name: operation.slice(colon + 1),
        http: http ?? null,
        classes: listOf<OperationClass>(classes),
      }
    }),
  })
}

function areKnown(
  services: readonly string[],
  path: DocumentPath,
  shelf: AwsShelf,
  findings: Findings,
): boolean {
  const unknown = services.filter(service => !shelf.services.includes(service))
  for (const service of unknown) {
    const at = [...path, 'services', services.indexOf(service)]
    const hint = didYouMean(service, shelf.services)
    findings.add('undefined_name', at, `The catalog aws has no service "${service}".${hint}`)
  }
  return unknown.length === 0
}

/**
 * Where the requests go: the catalog's endpoints, with the policy's own in their places. ATTACK: signed requests and
 * data sent to another host under the name of a service. An origin of the policy is AWS's own, or a declared stand-in.
 */
export function awsOrigins(
  api: ApiSource,
  origins: Readonly<Record<string, string>>,
  path: DocumentPath,
  findings: Findings,
): Record<string, string> {
  for (const [label, origin] of Object.entries(origins)) {
    const url = new URL(origin)
    if (url.protocol === 'https:' && AWS_HOST.test(url.hostname)) continue
    const at = [...path, 'origins', label]
    findings.add(
      'bad_upstream',
      at,
      `"${origin}" is no endpoint of AWS.`,
      'Name a host under amazonaws.com; a stand-in for tests belongs under `insecureTestEndpoints`.',
    )
  }
  const standIns = api.insecureTestEndpoints ?? {}
  const originOf = (text: string | undefined, label: string): string | undefined => {
    const url = text === undefined ? null : parseOrigin(text)
    if (text !== undefined && url === null)
      findings.add(
        'bad_upstream',
        [...path, 'insecureTestEndpoints', Object.hasOwn(standIns, label) ? label : '*'],
        `"${text}" is not an origin.`,
      )
    return url?.origin
  }
  for (const label of Object.keys(standIns)) {
    if (label === '*' || Object.hasOwn(origins, label)) continue
    const hint = didYouMean(label, Object.keys(origins))
    const at = [...path, 'insecureTestEndpoints', label]
    findings.add('undefined_name', at, `There is no endpoint "${label}".${hint}`)
  }
  const standIn = (label: string): string | undefined => standIns[label] ?? standIns['*']
  return Object.fromEntries(
    Object.entries(origins).map(([label, origin]) => [label, originOf(standIn(label), label) ?? origin]),
  )
}
