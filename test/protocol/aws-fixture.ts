import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type AwsChoice,
  type AwsShelf,
  awsCatalog,
  type Catalog,
  type Classification,
  classify,
  type Header,
  headersAsSigned,
  isUnclassifiable,
  openCatalog,
  type RawRequest,
  readSignature,
} from '../../src/protocol/index.js'

/** The services that ship. Compiled tests lie in dist/test/protocol. */
const FOLDER = fileURLToPath(new URL('../../../config/catalogs/aws/', import.meta.url))

export const shippedShelf: AwsShelf = {
  source: { package: 'aws-sdk', version: '2', digest: 'sha256:0' },
  services: readdirSync(FOLDER)
    .filter(file => file.endsWith('.json') && file !== 'index.json')
    .map(file => file.slice(0, -'.json'.length))
    .sort(),
  read: id => readFileSync(`${FOLDER}${id}.json`, 'utf8'),
}

/** A shelf of services that a test wrote itself. */
export function shelfOf(services: Readonly<Record<string, unknown>>): AwsShelf {
  return {
    source: { package: 'test', version: '1', digest: 'sha256:0' },
    services: Object.keys(services).sort(),
    read: id => (Object.hasOwn(services, id) ? JSON.stringify(services[id]) : undefined),
  }
}

export const ACCOUNT = '111122223333'

/** What the policy of most tests takes. */
export function choiceOf(services: readonly string[], more: Partial<AwsChoice> = {}): AwsChoice {
  return {
    services,
    regions: ['eu-west-1', 'us-east-1'],
    partition: 'aws',
    account: ACCOUNT,
    more: [],
    ...more,
  }
}

export function shippedAws(...services: readonly string[]): Catalog {
  return openCatalog(awsCatalog(shippedShelf, choiceOf(services)))
}

/** Classifies a request as the gate does: by its signature first, which a presigned URL carries in its query. */
export function classifySigned(catalog: Catalog, raw: RawRequest): Classification {
  const headers = raw.headers.map(([name, value]): Header => [name.toLowerCase(), value])
  const signature = readSignature(raw.target, headers)
  if (signature === null) return { kind: 'unclassifiable', code: 'unsigned', detail: '' }
  if (isUnclassifiable(signature)) return signature
  return classify(catalog, {
    ...raw,
    target: signature.targetWithoutSignature,
    headers: headersAsSigned(signature, headers),
  })
}

/** Headers of a request that is signed in Authorization; the signature itself is nobody's. */
export function signedFor(service: string, options: { readonly region?: string } = {}): readonly Header[] {
  const { region = 'eu-west-1' } = options
  return [
    ['host', '127.0.0.1:7070'],
    ['x-amz-date', '20260422T101500Z'],
    [
      'authorization',
      `AWS4-HMAC-SHA256 Credential=grant/20260422/${region}/${service}/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    ],
  ]
}
