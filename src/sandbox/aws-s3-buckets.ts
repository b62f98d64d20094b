import { type AwsCall, accessDenied, type Need, permitted } from './aws-call.js'
import { AwsRefusal } from './aws-refusal.js'
import { queryOf } from './aws-request.js'
import { verifyIntegrity } from './aws-s3-integrity.js'
import { listObjects, listObjectsV2, listTakes } from './aws-s3-list.js'
import {
  bucketArn,
  bucketOf,
  objectArn,
  onBucket,
  type S3Route,
  type S3Target,
  s3Answer,
  s3Xml,
} from './aws-s3-route.js'
import { childText, parseXml, type XmlValue } from './aws-xml.js'

const MAX_DELETED_AT_ONCE = 1000

export const BUCKET_ROUTES: readonly S3Route[] = [
  {
    operation: 'ListBuckets',
    method: 'GET',
    level: 'account',
    copies: false,
    marks: [],
    takes: [],
    needs: () => [{ action: 's3:ListAllMyBuckets', resources: ['arn:aws:s3:::*'] }],
    run: (_target, { world }) =>
      s3Xml('ListAllMyBucketsResult', {
        Owner: { ID: world.account },
        Buckets: {
          Bucket: [...world.buckets.values()].map(({ name, createdAt }) => ({
            Name: name,
            CreationDate: createdAt,
          })),
        },
      }),
  },
  {
    operation: 'CreateBucket',
    method: 'PUT',
    level: 'bucket',
    copies: false,
    marks: [],
    takes: [],
    needs: onBucket('s3:CreateBucket'),
    run: createBucket,
  },
  {
    operation: 'DeleteBucket',
    method: 'DELETE',
    level: 'bucket',
    copies: false,
    marks: [],
    takes: [],
    needs: onBucket('s3:DeleteBucket'),
    run: ({ bucket }, { world }) => {
      if (bucketOf(world, bucket).objects.size > 0)
        throw new AwsRefusal('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409)
      world.buckets.delete(bucket)
      return s3Answer(204)
    },
  },
  {
    operation: 'HeadBucket',
    method: 'HEAD',
    level: 'bucket',
    copies: false,
    marks: [],
    takes: [],
    needs: onBucket('s3:ListBucket'),
    run: ({ bucket }, { world }) => {
      bucketOf(world, bucket)
      return s3Answer(200, { 'x-amz-bucket-region': world.region })
    },
  },
  {
    operation: 'GetBucketLocation',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: ['location'],
    takes: [],
    needs: onBucket('s3:GetBucketLocation'),
    run: ({ bucket }, { world }) => {
      bucketOf(world, bucket)
      return s3Xml('LocationConstraint', world.region)
    },
  },
  {
    operation: 'GetBucketTagging',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: ['tagging'],
    takes: [],
    needs: onBucket('s3:GetBucketTagging'),
    run: ({ bucket }, { world }) => {
      const { tags } = bucketOf(world, bucket)
      if (tags.size === 0) throw new AwsRefusal('NoSuchTagSet', 'The TagSet does not exist', 404)
      return s3Xml('Tagging', { TagSet: { Tag: [...tags].map(([Key, Value]) => ({ Key, Value })) } })
    },
  },
  {
    operation: 'GetBucketVersioning',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: ['versioning'],
    takes: [],
    needs: onBucket('s3:GetBucketVersioning'),
    run: ({ bucket }, { world }) => {
      bucketOf(world, bucket)
      // Nothing in this stand-in is versioned, and S3 says so by saying nothing.
      return s3Xml('VersioningConfiguration', {})
    },
  },
  {
    operation: 'ListObjectsV2',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: ['list-type'],
    takes: [...listTakes, 'continuation-token', 'start-after', 'fetch-owner'],
    needs: listNeeds,
    run: listObjectsV2,
  },
  {
    operation: 'ListObjects',
    method: 'GET',
    level: 'bucket',
    copies: false,
    marks: [],
    takes: [...listTakes, 'marker'],
    needs: listNeeds,
    run: listObjects,
  },
  {
    operation: 'DeleteObjects',
    method: 'POST',
    level: 'bucket',
    copies: false,
    marks: ['delete'],
    takes: [],
    // Asked for key by key: those that are refused are told in the answer, the others are gone.
    needs: () => [],
    run: deleteObjects,
  },
]

function listNeeds({ bucket }: S3Target, { request }: AwsCall): Need[] {
  const [prefix, delimiter] = [queryOf(request, 'prefix'), queryOf(request, 'delimiter')]
  const context = {
    ...(prefix === undefined ? {} : { 's3:prefix': prefix }),
    ...(delimiter === undefined ? {} : { 's3:delimiter': delimiter }),
  }
  return [{ action: 's3:ListBucket', resources: [bucketArn(bucket)], context }]
}

function createBucket({ bucket }: S3Target, { request, world, now }: AwsCall) {
  if (!/^(?!xn--)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/.test(bucket))
    throw new AwsRefusal('InvalidBucketName', 'The specified bucket is not valid.')
  const location =
    request.body.length === 0
      ? undefined
      : childText(parseXml(request.body, 'CreateBucketConfiguration'), 'LocationConstraint')
  if (location !== world.region)
    throw new AwsRefusal(
      'IllegalLocationConstraintException',
      `The ${location?.slice(0, 40) ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    )
  if (world.buckets.has(bucket))
    throw new AwsRefusal(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      409,
    )
  world.buckets.set(bucket, { name: bucket, createdAt: now(), tags: new Map(), objects: new Map() })
  return s3Answer(200, { location: `/${bucket}` })
}

function deleteObjects({ bucket: name }: S3Target, call: AwsCall, done: Need[]) {
  const { request, world } = call
  verifyIntegrity(request, 'required')
  const root = parseXml(request.body, 'Delete')
  const keys = root.children.filter(child => child.name === 'Object').map(keyToDelete)
  if (keys.length === 0 || keys.length > MAX_DELETED_AT_ONCE || root.children.some(unknownInDelete))
    throw new AwsRefusal('MalformedXML', 'The XML you provided did not validate against our published schema')
  const results = keys.map((key): { deleted: string } | { refused: string; why: string } => {
    const need = { action: 's3:DeleteObject', resources: [objectArn({ bucket: name, key })] }
    const { verdict, because, resource } = permitted(call, need)
    if (verdict !== 'allowed')
      return { refused: key, why: accessDenied(call, need.action, resource, because).message }
    done.push(need)
    return { deleted: key }
  })
  const bucket = bucketOf(world, name)
  for (const result of results) if ('deleted' in result) bucket.objects.delete(result.deleted)
  const quiet = childText(root, 'Quiet') === 'true'
  return s3Xml('DeleteResult', {
    Deleted: quiet ? [] : results.flatMap(each => ('deleted' in each ? [{ Key: each.deleted }] : [])),
    Error: results.flatMap(each =>
      'refused' in each ? [{ Key: each.refused, Code: 'AccessDenied', Message: each.why }] : [],
    ),
  } satisfies XmlValue)
}

function keyToDelete(object: ReturnType<typeof parseXml>): string {
  const key = childText(object, 'Key')
  if (key === undefined || key === '' || object.children.some(child => child.name !== 'Key'))
    throw new AwsRefusal('NotImplemented', 'This stand-in deletes keys, without versions or conditions.', 501)
  return key
}

function unknownInDelete({ name }: { readonly name: string }): boolean {
  return name !== 'Object' && name !== 'Quiet'
}
