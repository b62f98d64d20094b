import { openAwsCatalog } from './aws/aws-catalog.js'
import { type ApiProfile, type Catalog, type CatalogDocument, type Dialect, SLOTS } from './catalog.js'
import {
  malformed,
  readList,
  readMap,
  readMembers,
  readObject,
  readOneOf,
  readText,
} from './document-shape.js'
import { protocolFault } from './error-table.js'
import { openGraphqlCatalog } from './graphql/index.js'
import { openRestCatalog } from './rest/index.js'

const DIALECTS: readonly Dialect[] = ['graphql', 'stripe', 'aws', 'github', 'kubernetes', 'rest']

/** What opens the body of each protocol's catalog. */
const PROTOCOLS: Readonly<Record<string, (document: CatalogDocument) => Catalog>> = {
  rest: openRestCatalog,
  graphql: openGraphqlCatalog,
  aws: openAwsCatalog,
}

/**
 * Opens a catalog from its data: checks every member, refuses unknown ones, and compiles it. Throws
 * `catalog_malformed`, `catalog_protocol`, `catalog_template` or `catalog_ambiguous`.
 */
export function openCatalog(document: unknown): Catalog {
  const checked = readCatalogDocument(document)
  const open = Object.hasOwn(PROTOCOLS, checked.protocol) ? PROTOCOLS[checked.protocol] : undefined
  if (open === undefined) throw protocolFault('catalog_protocol')
  // AWS has an endpoint for each service and region, and none that serves whatever is left.
  if (checked.protocol !== 'aws' && !Object.hasOwn(checked.profile.origins, 'default'))
    throw malformed('catalog.profile.origins', 'an origin `default`')
  return open(checked)
}

function readCatalogDocument(document: unknown): CatalogDocument {
  const it = readMembers(
    document,
    'catalog',
    ['v', 'name', 'protocol', 'source', 'profile', 'body'],
    ['probes'],
  )
  if (it.v !== 1) throw malformed('catalog.v', '1')
  const source = readMembers(it.source, 'catalog.source', ['package', 'version', 'digest'])
  return {
    v: 1,
    name: readText(it.name, 'catalog.name'),
    protocol: readText(it.protocol, 'catalog.protocol') as CatalogDocument['protocol'],
    source: {
      package: readText(source.package, 'catalog.source.package'),
      version: readText(source.version, 'catalog.source.version'),
      digest: readText(source.digest, 'catalog.source.digest'),
    },
    profile: readProfile(it.profile, 'catalog.profile'),
    body: it.body,
    ...(it.probes === undefined ? {} : { probes: readObject(it.probes, 'catalog.probes') }),
  }
}

function readProfile(value: unknown, where: string): ApiProfile {
  const it = readMembers(value, where, ['dialect', 'slots', 'requestHeaders', 'responseHeaders', 'origins'])
  return {
    dialect: readOneOf(it.dialect, `${where}.dialect`, DIALECTS),
    slots: readList(it.slots, `${where}.slots`, (slot, at) => readOneOf(slot, at, SLOTS)),
    requestHeaders: readList(it.requestHeaders, `${where}.requestHeaders`, readHeaderName),
    responseHeaders: readList(it.responseHeaders, `${where}.responseHeaders`, readHeaderName),
    origins: readMap(it.origins, `${where}.origins`, readOrigin),
  }
}

/** A name, or the beginning of names with `*` behind it. */
function readHeaderName(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^[a-z0-9-]+\*?$/.test(value))
    throw malformed(where, 'a lower-case header name')
  return value
}

/** Scheme, host and port, nothing else: `https://api.stripe.com`. */
function readOrigin(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/.test(value))
    throw malformed(where, 'an origin such as https://api.example.com')
  return value
}
