import { createHash } from 'node:crypto'
import { type AwsCall, accessDenied, type Need, permitted } from './aws-call.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, decoded, headerOf, queryOf } from './aws-request.js'
import { verifyIntegrity } from './aws-s3-integrity.js'
import {
  bucketArn,
  bucketOf,
  objectArn,
  onObject,
  type S3Route,
  type S3Target,
  s3Answer,
  s3Xml,
} from './aws-s3-route.js'
import type { StoredObject } from './aws-world.js'

/** Query parameters of a GET that set a header of its answer. */
const OVERRIDES = ['type', 'language', 'encoding', 'disposition'].map(name => `response-content-${name}`)
const KEPT_HEADERS =
  /^(?:content-(?:type|encoding|language|disposition)|cache-control|expires|x-amz-meta-.+|x-amz-storage-class)$/

export const OBJECT_ROUTES: readonly S3Route[] = [
  {
    operation: 'GetObject',
    method: 'GET',
    level: 'object',
    copies: false,
    marks: [],
    takes: [...OVERRIDES, 'response-cache-control', 'response-expires'],
    needs: onObject('s3:GetObject'),
    run: (target, call) => getObject(target, call),
  },
  {
    operation: 'HeadObject',
    method: 'HEAD',
    level: 'object',
    copies: false,
    marks: [],
    takes: [],
    needs: onObject('s3:GetObject'),
    run: (target, call) => {
      const answer = getObject(target, call)
      return {
        ...answer,
        headers: { ...answer.headers, 'content-length': String(answer.body.length) },
        body: '',
      }
    },
  },
  {
    operation: 'PutObject',
    method: 'PUT',
    level: 'object',
    copies: false,
    marks: [],
    takes: [],
    needs: onObject('s3:PutObject'),
    run: putObject,
  },
  {
    operation: 'CopyObject',
    method: 'PUT',
    level: 'object',
    copies: true,
    marks: [],
    takes: [],
    needs: (target, { request }) => [
      { action: 's3:GetObject', resources: [objectArn(copySourceOf(request))] },
      { action: 's3:PutObject', resources: [objectArn(target)] },
    ],
    run: copyObject,
  },
  {
    operation: 'DeleteObject',
    method: 'DELETE',
    level: 'object',
    copies: false,
    marks: [],
    takes: [],
    needs: onObject('s3:DeleteObject'),
    run: ({ bucket, key }, { world }) => {
      bucketOf(world, bucket).objects.delete(key)
      return s3Answer(204)
    },
  },
]

/** An object that has to be there. Without `s3:ListBucket` its absence is denied instead of told, as at S3. */
export function objectOf(target: S3Target, call: AwsCall): StoredObject {
  const object = bucketOf(call.world, target.bucket).objects.get(target.key)
  if (object !== undefined) return object
  const listing: Need = { action: 's3:ListBucket', resources: [bucketArn(target.bucket)] }
  const { verdict, because, resource } = permitted(call, listing)
  if (verdict !== 'allowed') throw accessDenied(call, listing.action, resource, because)
  throw new AwsRefusal('NoSuchKey', 'The specified key does not exist.', 404)
}

/** Headers of a request that are kept with the object that it makes. */
export function keptHeaders(request: AwsRequest): Record<string, string> {
  const kept = request.headers.filter(([name]) => KEPT_HEADERS.test(name))
  return { 'content-type': 'application/octet-stream', ...Object.fromEntries(kept) }
}

/** `x-amz-copy-source: /bucket/key`, percent-encoded once, the first slash optional. */
export function copySourceOf(request: AwsRequest): S3Target {
  const source = (headerOf(request, 'x-amz-copy-source') ?? '').replace(/^\//, '')
  const slash = source.indexOf('/')
  if (source.includes('?')) throw new AwsRefusal('NotImplemented', 'This stand-in keeps no versions.', 501)
  if (slash < 1 || slash === source.length - 1)
    throw new AwsRefusal('InvalidArgument', 'Copy Source must mention the source bucket and key')
  return { bucket: decoded(source.slice(0, slash)), key: decoded(source.slice(slash + 1)) }
}

export function etagOf(body: Uint8Array): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}

function getObject(target: S3Target, call: AwsCall) {
  const { request } = call
  const object = objectOf(target, call)
  const wanted = headerOf(request, 'if-match')
  if (wanted !== undefined && !etagsIn(wanted, object)) throw preconditionFailed()
  const unwanted = headerOf(request, 'if-none-match')
  if (unwanted !== undefined && etagsIn(unwanted, object)) return s3Answer(304, { etag: object.etag })
  const headers = {
    ...object.headers,
    ...overridesOf(request),
    etag: object.etag,
    'last-modified': object.modifiedAt.toUTCString(),
    'accept-ranges': 'bytes',
  }
  const range = rangeOf(request, object.body.length)
  if (range === null) return s3Answer(200, headers, object.body)
  const [from, to] = range
  const contentRange = `bytes ${from}-${to}/${object.body.length}`
  return s3Answer(206, { ...headers, 'content-range': contentRange }, object.body.subarray(from, to + 1))
}

function putObject({ bucket: name, key }: S3Target, { request, world, now }: AwsCall) {
  const bucket = bucketOf(world, name)
  verifyIntegrity(request, 'optional')
  if (Buffer.byteLength(key) > 1024) throw new AwsRefusal('KeyTooLongError', 'Your key is too long')
  const unwanted = headerOf(request, 'if-none-match')
  if (unwanted !== undefined && unwanted !== '*')
    throw new AwsRefusal('NotImplemented', 'If-None-Match of an upload takes * only.', 501)
  if (unwanted !== undefined && bucket.objects.has(key)) throw preconditionFailed()
  const { body } = request
  const object = { body, etag: etagOf(body), modifiedAt: now(), headers: keptHeaders(request) }
  bucket.objects.set(key, object)
  return s3Answer(200, { etag: object.etag })
}

function copyObject(target: S3Target, call: AwsCall) {
  const { request, world, now } = call
  const source = copySourceOf(request)
  const original = objectOf(source, call)
  const bucket = bucketOf(world, target.bucket)
  const directive = headerOf(request, 'x-amz-metadata-directive') ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new AwsRefusal('InvalidArgument', 'Unknown metadata directive.')
  if (directive === 'COPY' && objectArn(source) === objectArn(target))
    throw new AwsRefusal(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing its metadata.',
    )
  const copy = {
    ...original,
    modifiedAt: now(),
    headers: directive === 'COPY' ? original.headers : keptHeaders(request),
  }
  bucket.objects.set(target.key, copy)
  return s3Xml('CopyObjectResult', { LastModified: copy.modifiedAt, ETag: copy.etag })
}

function overridesOf(request: AwsRequest): Record<string, string> {
  return Object.fromEntries(
    request.query
      .filter(([name]) => name.startsWith('response-'))
      .map(([name]) => [name.slice('response-'.length), queryOf(request, name) ?? '']),
  )
}

/** First and last byte, or null for all of them. A form that isn't known is no range, RFC 9110 §14.2. */
function rangeOf(request: AwsRequest, size: number): [number, number] | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headerOf(request, 'range') ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return null
  const from = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const to = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1)
  if (from > to) throw new AwsRefusal('InvalidRange', 'The requested range is not satisfiable', 416)
  return [from, to]
}

function etagsIn(header: string, { etag }: StoredObject): boolean {
  return header === '*' || header.split(',').some(each => each.trim().replace(/^"?(.*?)"?$/, '"$1"') === etag)
}

function preconditionFailed(): AwsRefusal {
  return new AwsRefusal(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
    412,
  )
}
