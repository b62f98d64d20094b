import type { ApiProfile, CatalogDocument } from '../catalog.js'
import { protocolFault } from '../error-table.js'
import type { ProbeDocuments } from '../probe/spec.js'
import { AWS_REQUEST_HEADERS, AWS_RESPONSE_HEADERS } from './headers.js'
import { isRegion } from './read-document.js'
import type { CompiledService } from './service.js'
import { type Services, servicesOf } from './services.js'
import type { AwsChoice, AwsShelf } from './shelf.js'

/** Regions of a partition by the beginning of their names; `aws` has all others. */
const PARTITION_REGIONS: readonly (readonly [prefix: string, partition: string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
]

/**
 * The catalog of one policy: the services that it names, in the regions that it names, and nothing else of AWS. The
 * same choice from the same shelf makes the same document. Throws `aws_service_unknown` for a service that the shelf or
 * the partition doesn't have, `aws_region_unknown` for a region that isn't the partition's, `catalog_malformed` where
 * the shelf is damaged or an added operation doesn't fit its service.
 */
export function awsCatalog(shelf: AwsShelf, choice: AwsChoice): CatalogDocument {
  const regions = [...new Set(choice.regions)].sort()
  for (const region of regions) checkRegion(region, choice.partition)
  const ids = [...new Set(choice.services)].sort()
  const services = servicesOf({
    partition: choice.partition,
    account: choice.account,
    regions,
    services: Object.fromEntries(ids.map(id => [id, textOf(shelf, id)])),
    more: choice.more,
  })
  const probes = probesOf(shelf, ids)
  const opened = ids.map(id => services.open(id) as CompiledService)
  return {
    v: 1,
    name: 'aws',
    protocol: 'aws',
    source: shelf.source,
    profile: {
      dialect: 'aws',
      slots: ['aws-sigv4'],
      requestHeaders: AWS_REQUEST_HEADERS,
      responseHeaders: AWS_RESPONSE_HEADERS,
      origins: originsOf(services, opened),
    },
    body: services.document,
    ...(Object.keys(probes).length === 0 ? {} : { probes }),
  }
}

/** Those that ask the services that are there. */
function probesOf({ probes = {} }: AwsShelf, ids: readonly string[]): ProbeDocuments {
  const own = Object.entries(probes).filter(([name]) => ids.includes(name.slice(0, name.indexOf(':'))))
  return Object.fromEntries(own)
}

function textOf(shelf: AwsShelf, id: string): string {
  const text = shelf.services.includes(id) ? shelf.read(id) : undefined
  if (text === undefined) throw protocolFault('aws_service_unknown', JSON.stringify(id))
  return text
}

function checkRegion(region: string, partition: string): void {
  const home = PARTITION_REGIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws'
  if (!isRegion(region) || home !== partition)
    throw protocolFault('aws_region_unknown', JSON.stringify(region))
}

/** Every endpoint that an operation of the chosen services may be sent to, by the labels of `Catalog.originOf`. */
function originsOf(services: Services, opened: readonly CompiledService[]): ApiProfile['origins'] {
  const origins: Record<string, string> = {}
  for (const service of opened) {
    const endpoint = services.endpoint(service)
    if (endpoint === undefined) throw protocolFault('aws_service_unknown', JSON.stringify(service.id))
    const regions = endpoint.region === undefined ? services.document.regions : [endpoint.region]
    for (const prefix of service.hostPrefixes().map(prefix => services.filled(prefix))) {
      // A place that only the request fills would let it choose the host.
      if (prefix.includes('{')) continue
      for (const region of regions)
        origins[services.label(service.id, prefix, region)] =
          `https://${prefix}${endpoint.host.replaceAll('{region}', region)}`
    }
  }
  return origins
}
