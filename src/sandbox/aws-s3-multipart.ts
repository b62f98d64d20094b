import { createHash, randomBytes } from 'node:crypto'
import type { AwsCall } from './aws-call.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, queryOf } from './aws-request.js'
import { verifyIntegrity } from './aws-s3-integrity.js'
import { copySourceOf, etagOf, keptHeaders, objectOf } from './aws-s3-objects.js'
import {
  bucketOf,
  objectArn,
  onBucket,
  onObject,
  type S3Route,
  type S3Target,
  s3Answer,
  s3Xml,
} from './aws-s3-route.js'
import type { AwsWorld, Upload, UploadedPart } from './aws-world.js'
import { childText, parseXml } from './aws-xml.js'

const MAX_PART_NUMBER = 10_000
/** All parts but the last are at least this large. */
const MIN_PART_BYTES = 5 * 1024 * 1024

export const MULTIPART_ROUTES: readonly S3Route[] = [
  {
    operation: 'CreateMultipartUpload',
    method: 'POST',
    level: 'object',
    copies: false,
    marks: ['uploads'],
    takes: [],
    needs: onObject('s3:PutObject'),
    run: ({ bucket, key }, { request, world, now }) => {
      bucketOf(world, bucket)
      const id = randomBytes(32).toString('base64url')
      world.uploads.set(id, {
        id,
        bucket,
        key,
        startedAt: now(),
        headers: keptHeaders(request),
        parts: new Map(),
      })
      return s3Xml('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id })
    },
  },
  {
    operation: 'UploadPart',
    method: 'PUT',
    level: 'object',
    copies: false,
    marks: ['partNumber', 'uploadId'],
    takes: [],
    needs: onObject('s3:PutObject'),
    run: (target, { request, world, now }) => {
      const upload = uploadOf(world, target, request)
      verifyIntegrity(request, 'optional')
      const part = storePart(upload, request, request.body, now())
      return s3Answer(200, { etag: part.etag })
    },
  },
  {
    operation: 'UploadPartCopy',
    method: 'PUT',
    level: 'object',
    copies: true,
    marks: ['partNumber', 'uploadId'],
    takes: [],
    needs: (target, { request }) => [
      { action: 's3:GetObject', resources: [objectArn(copySourceOf(request))] },
      { action: 's3:PutObject', resources: [objectArn(target)] },
    ],
    run: (target, call) => {
      const upload = uploadOf(call.world, target, call.request)
      const { body } = objectOf(copySourceOf(call.request), call)
      const part = storePart(upload, call.request, body, call.now())
      return s3Xml('CopyPartResult', { LastModified: part.modifiedAt, ETag: part.etag })
    },
  },
  {
    operation: 'CompleteMultipartUpload',
    method: 'POST',
    level: 'object',
    copies: false,
    marks: ['uploadId'],
    takes: [],
    needs: onObject('s3:PutObject'),
    run: complete,
  },
  {
    operation: 'AbortMultipartUpload',
    method: 'DELETE',
    level: 'object',
    copies: false,
    marks: ['uploadId'],
    takes: [],
    needs: onObject('s3:AbortMultipartUpload'),
    run: (target, { request, world }) => {
      world.uploads.delete(uploadOf(world, target, request).id)
      return s3Answer(204)
    },
  },
  {
    operation: 'ListParts',
    method: 'GET',
    level: 'object',
    copies: false,
    marks: ['uploadId'],
    takes: [],
    needs: onObject('s3:ListMultipartUploadParts'),
    run: (target, { request, world }) => {
      const upload = uploadOf(world, target, request)
      return s3Xml('ListPartsResult', {
        Bucket: upload.bucket,
        Key: upload.key,
        UploadId: upload.id,
        MaxParts: 1000,
        IsTruncated: false,
        Part: [...upload.parts]
          .sort(([a], [b]) => a - b)
          .map(([number, part]) => ({
            PartNumber: number,
            LastModified: part.modifiedAt,
            ETag: part.etag,
            Size: part.body.length,
          })),
      })
    },
  },
  {
    operation: 'ListMultipartUploads',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: ['uploads'],
    takes: [],
    needs: onBucket('s3:ListBucketMultipartUploads'),
    run: ({ bucket }, { world }) => {
      bucketOf(world, bucket)
      const uploads = [...world.uploads.values()].filter(upload => upload.bucket === bucket)
      return s3Xml('ListMultipartUploadsResult', {
        Bucket: bucket,
        MaxUploads: 1000,
        IsTruncated: false,
        Upload: uploads.map(each => ({ Key: each.key, UploadId: each.id, Initiated: each.startedAt })),
      })
    },
  },
]

function complete(target: S3Target, { request, world, now }: AwsCall) {
  const upload = uploadOf(world, target, request)
  const listed = parseXml(request.body, 'CompleteMultipartUpload').children.filter(
    each => each.name === 'Part',
  )
  if (listed.length === 0) throw new AwsRefusal('MalformedXML', 'You must specify at least one part')
  const numbers = listed.map(each => Number(childText(each, 'PartNumber')))
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] as number)))
    throw new AwsRefusal('InvalidPartOrder', 'The list of parts was not in ascending order.')
  const parts = listed.map((each, index) => {
    const part = upload.parts.get(numbers[index] as number)
    const etag = (childText(each, 'ETag') ?? '').replace(/^"?(.*?)"?$/, '"$1"')
    if (part === undefined || part.etag !== etag)
      throw new AwsRefusal('InvalidPart', 'One or more of the specified parts could not be found.')
    if (index < listed.length - 1 && part.body.length < MIN_PART_BYTES)
      throw new AwsRefusal(
        'EntityTooSmall',
        'Your proposed upload is smaller than the minimum allowed object size.',
      )
    return part
  })
  const body = Buffer.concat(parts.map(part => part.body))
  const digests = parts.map(part => Buffer.from(part.etag.slice(1, -1), 'hex'))
  const etag = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}"`
  bucketOf(world, upload.bucket).objects.set(upload.key, {
    body,
    etag,
    modifiedAt: now(),
    headers: upload.headers,
  })
  world.uploads.delete(upload.id)
  return s3Xml('CompleteMultipartUploadResult', {
    Location: `/${upload.bucket}/${upload.key}`,
    Bucket: upload.bucket,
    Key: upload.key,
    ETag: etag,
  })
}

/** ATTACK: an upload id is good for the key that it was made for; with another key's permission it would fill that one. */
function uploadOf(world: AwsWorld, { bucket, key }: S3Target, request: AwsRequest): Upload {
  const upload = world.uploads.get(queryOf(request, 'uploadId') ?? '')
  if (upload === undefined || upload.bucket !== bucket || upload.key !== key)
    throw new AwsRefusal('NoSuchUpload', 'The specified multipart upload does not exist.', 404)
  return upload
}

function storePart(upload: Upload, request: AwsRequest, body: Uint8Array, at: Date): UploadedPart {
  const number = Number(queryOf(request, 'partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > MAX_PART_NUMBER)
    throw new AwsRefusal(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
    )
  const part = { body, etag: etagOf(body), modifiedAt: at }
  upload.parts.set(number, part)
  return part
}
