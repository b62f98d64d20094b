import { type AwsCall, type AwsService, authorize, type Need, record } from './aws-call.js'
import type { AwsAnswer } from './aws-dialect.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, decoded, headerOf } from './aws-request.js'
import { BUCKET_ROUTES } from './aws-s3-buckets.js'
import { MULTIPART_ROUTES } from './aws-s3-multipart.js'
import { OBJECT_ROUTES } from './aws-s3-objects.js'
import type { S3Route, S3Target } from './aws-s3-route.js'

const ROUTES: readonly S3Route[] = [...BUCKET_ROUTES, ...OBJECT_ROUTES, ...MULTIPART_ROUTES]

/** Headers that this stand-in acts on, or that change nothing. Any other one would ask for something that it doesn't do. */
const KNOWN_HEADERS =
  /^x-amz-(?:content-sha256|date|security-token|user-agent|meta-.+|checksum-(?:mode|algorithm|type|crc32|sha1|sha256)|sdk-checksum-algorithm|copy-source|metadata-directive|expected-bucket-owner|source-expected-bucket-owner|bucket-region|storage-class)$/

/** Buckets and objects, path style. A key is exactly the bytes of its path, decoded once: `//` and `..` are part of it. */
export const s3Service: AwsService = {
  regional: true,
  dialect: () => 's3',
  handle: handle,
}

function handle(given: AwsCall): AwsAnswer {
  const request = unhoisted(given.request)
  const call = { ...given, request }
  const target = targetOf(request)
  const route = ROUTES.find(each => fits(each, request, target))
  const strange = request.headers.find(([name]) => name.startsWith('x-amz-') && !KNOWN_HEADERS.test(name))
  if (route === undefined || strange !== undefined)
    throw new AwsRefusal(
      'NotImplemented',
      'A header or query you provided implies functionality that is not implemented.',
      501,
    )
  const needs = route.needs(target, call)
  authorize(call, needs)
  refuseOtherOwner(call)
  const done: Need[] = [...needs]
  const answer = route.run(target, call, done)
  record(call, 's3', route.operation, done)
  return answer
}

/** A presigned URL carries as parameters what would be headers: S3 reads `?x-amz-meta-a=b` as the header `x-amz-meta-a: b`. */
function unhoisted(request: AwsRequest): AwsRequest {
  const isHoisted = ([name]: readonly [string, string]) => name.startsWith('x-amz-')
  // ATTACK: a line break in a parameter would end a header of an answer and begin the next one.
  if (request.query.some(pair => isAnswered(pair) && !/^[ -~]*$/.test(pair[1])))
    throw new AwsRefusal('InvalidArgument', 'A header can hold printable ASCII only.')
  return {
    ...request,
    headers: [...request.headers, ...request.query.filter(isHoisted)],
    query: request.query.filter(pair => !isHoisted(pair)),
  }
}

/** Parameters that come back as headers of an answer. */
function isAnswered([name]: readonly [string, string]): boolean {
  return name.startsWith('x-amz-') || name.startsWith('response-')
}

function targetOf({ path }: AwsRequest): S3Target {
  const match = /^\/([^/]*)(?:\/(.*))?$/s.exec(path)
  if (match === null) throw new AwsRefusal('InvalidURI', "Couldn't parse the specified URI.")
  return { bucket: decoded(match[1] ?? ''), key: decoded(match[2] ?? '') }
}

/** ATTACK: a sub-resource that is overlooked would be taken for the plain operation: `DELETE /b/k?tagging` for `DELETE /b/k`. */
function fits(route: S3Route, request: AwsRequest, { bucket, key }: S3Target): boolean {
  const level = bucket === '' ? 'account' : key === '' ? 'bucket' : 'object'
  const names = request.query.map(([name]) => name).filter(name => name !== 'x-id' && !/^X-Amz-/.test(name))
  return (
    route.method === request.method &&
    route.level === level &&
    route.copies === (headerOf(request, 'x-amz-copy-source') !== undefined) &&
    new Set(names).size === names.length &&
    route.marks.every(name => names.includes(name)) &&
    names.every(name => route.marks.includes(name) || route.takes.includes(name))
  )
}

function refuseOtherOwner({ request, world }: AwsCall): void {
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner']) {
    const owner = headerOf(request, name)
    if (owner !== undefined && owner !== world.account)
      throw new AwsRefusal('AccessDenied', 'Access Denied', 403)
  }
}
