import type { AwsCall } from './aws-call.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, queryOf } from './aws-request.js'
import { bucketOf, type S3Target, s3Xml } from './aws-s3-route.js'
import type { Bucket, StoredObject } from './aws-world.js'
import type { XmlValue } from './aws-xml.js'

/** Query parameters that both versions of the list take. */
export const listTakes: readonly string[] = ['prefix', 'delimiter', 'max-keys', 'encoding-type']

const MAX_KEYS = 1000

interface Page {
  readonly contents: readonly (readonly [key: string, object: StoredObject])[]
  readonly commonPrefixes: readonly string[]
  /** The last key or common prefix of the page, where more follow. */
  readonly next: string | null
}

export function listObjectsV2({ bucket: name }: S3Target, { request, world }: AwsCall) {
  if (queryOf(request, 'list-type') !== '2')
    throw new AwsRefusal('InvalidArgument', 'Invalid List Type specified in the query')
  const token = queryOf(request, 'continuation-token')
  const startAfter = queryOf(request, 'start-after')
  const page = pageOf(bucketOf(world, name), request, token === undefined ? startAfter : keyOfToken(token))
  const encoded = encoding(request)
  return s3Xml('ListBucketResult', {
    ...frame(name, request, page),
    KeyCount: page.contents.length + page.commonPrefixes.length,
    ContinuationToken: token,
    StartAfter: startAfter === undefined ? undefined : encoded(startAfter),
    NextContinuationToken: page.next === null ? undefined : Buffer.from(page.next).toString('base64'),
  })
}

export function listObjects({ bucket: name }: S3Target, { request, world }: AwsCall) {
  const marker = queryOf(request, 'marker')
  const page = pageOf(bucketOf(world, name), request, marker)
  const encoded = encoding(request)
  const isGrouped = queryOf(request, 'delimiter') !== undefined
  return s3Xml('ListBucketResult', {
    ...frame(name, request, page),
    Marker: encoded(marker ?? ''),
    NextMarker: page.next !== null && isGrouped ? encoded(page.next) : undefined,
  })
}

function frame(name: string, request: AwsRequest, page: Page): Readonly<Record<string, XmlValue>> {
  const encoded = encoding(request)
  const delimiter = queryOf(request, 'delimiter')
  return {
    Name: name,
    Prefix: encoded(queryOf(request, 'prefix') ?? ''),
    Delimiter: delimiter === undefined ? undefined : encoded(delimiter),
    MaxKeys: maxKeys(request),
    EncodingType: queryOf(request, 'encoding-type'),
    IsTruncated: page.next !== null,
    Contents: page.contents.map(([key, object]) => ({
      Key: encoded(key),
      LastModified: object.modifiedAt,
      ETag: object.etag,
      Size: object.body.length,
      StorageClass: 'STANDARD',
    })),
    CommonPrefixes: page.commonPrefixes.map(prefix => ({ Prefix: encoded(prefix) })),
  }
}

/** In the order of their UTF-8 bytes, as S3 lists them. A common prefix counts as one of the page. */
function pageOf(bucket: Bucket, request: AwsRequest, after: string | undefined): Page {
  const prefix = queryOf(request, 'prefix') ?? ''
  const delimiter = queryOf(request, 'delimiter') ?? ''
  const most = maxKeys(request)
  const keys = [...bucket.objects.keys()].filter(key => key.startsWith(prefix)).sort(byBytes)
  const contents: [string, StoredObject][] = []
  const groups = new Set<string>()
  let last: string | null = null
  for (const key of keys) {
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const entry = cut < 0 ? key : key.slice(0, cut + delimiter.length)
    if (groups.has(entry) || (after !== undefined && byBytes(entry, after) <= 0)) continue
    if (contents.length + groups.size >= most) return { contents, commonPrefixes: [...groups], next: last }
    if (cut < 0) contents.push([key, bucket.objects.get(key) as StoredObject])
    else groups.add(entry)
    last = entry
  }
  return { contents, commonPrefixes: [...groups], next: null }
}

function maxKeys(request: AwsRequest): number {
  const text = queryOf(request, 'max-keys')
  if (text === undefined) return MAX_KEYS
  if (!/^\d{1,9}$/.test(text)) throw new AwsRefusal('InvalidArgument', 'Provided max-keys not an integer')
  return Math.min(Number(text), MAX_KEYS)
}

function encoding(request: AwsRequest): (text: string) => string {
  const type = queryOf(request, 'encoding-type')
  if (type === undefined) return text => text
  if (type !== 'url') throw new AwsRefusal('InvalidArgument', 'Invalid Encoding Method specified in Request')
  return text => encodeURIComponent(text).replaceAll('%2F', '/')
}

function keyOfToken(token: string): string {
  return Buffer.from(token, 'base64').toString()
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
