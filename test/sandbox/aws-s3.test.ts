import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { type Account, account, allowing, refusal } from './aws-account.js'

const Bucket = AWS_IDS.releasesBucket
const PART_BYTES = 5 * 1024 * 1024

async function client(aws: Account, policy?: string): Promise<S3Client> {
  return new S3Client({ ...aws.options(await aws.assume(policy)), forcePathStyle: true })
}

function keysOf(aws: Account, bucket: string): string[] {
  return [...(aws.world.buckets.get(bucket)?.objects.keys() ?? [])]
}

describe('S3 of the AWS stand-in', () => {
  test('keeps every key as the bytes that it is', async t => {
    const aws = await account(t)
    const s3 = await client(aws, allowing(['s3:PutObject', 's3:GetObject'], `arn:aws:s3:::${Bucket}/*`))
    const keys = ['a b+c', 'orders//a', 'x/../y', './z', 'ünï/💥', 'q?=&#%25', "!'()*~", 'a\u0001b']
    for (const Key of keys) {
      const Metadata = { owner: 'ana' }
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key, ContentType: 'text/plain', Metadata }))
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }))
      assert.equal(await got.Body?.transformToString(), Key)
      assert.equal(got.ContentType, 'text/plain')
      assert.deepEqual(got.Metadata, { owner: 'ana' })
    }
    assert.deepEqual(keysOf(aws, Bucket).slice(3), keys)
  })

  test('keeps a file name that is no UTF-8', async t => {
    const aws = await account(t)
    const policy = allowing(['s3:PutObject', 's3:GetObject'], `arn:aws:s3:::${Bucket}/*`)
    const s3 = new S3Client({
      ...aws.options(await aws.assume(policy)),
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    })
    const object = { Bucket, Key: 'named' }
    const name = 'attachment; filename="é.pdf"'
    const put = await getSignedUrl(s3, new PutObjectCommand(object))
    await fetch(put, { method: 'PUT', body: 'x', headers: { 'content-disposition': name } })
    const got = await fetch(await getSignedUrl(s3, new GetObjectCommand(object)))
    assert.deepEqual([got.status, got.headers.get('content-disposition'), await got.text()], [200, name, 'x'])
  })

  test('reads ranges, conditions and headers', async t => {
    const aws = await account(t)
    const s3 = await client(aws)
    const object = { Bucket, Key: 'orders/latest' }
    const head = await s3.send(new HeadObjectCommand(object))
    assert.equal(head.ContentLength, 5)
    const part = await s3.send(new GetObjectCommand({ ...object, Range: 'bytes=2-' }))
    assert.equal(await part.Body?.transformToString(), '4.1')
    assert.equal(part.ContentRange, 'bytes 2-4/5')
    const stale = s3.send(new GetObjectCommand({ ...object, IfMatch: '"0"' }))
    assert.equal((await refusal(stale)).code, 'PreconditionFailed')
    const again = s3.send(new PutObjectCommand({ ...object, Body: 'x', IfNoneMatch: '*' }))
    assert.equal((await refusal(again)).code, 'PreconditionFailed')
    assert.equal((await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'gone' })))).status, 404)
  })

  test('tells nobody that a key is missing who may not list the bucket', async t => {
    const aws = await account(t)
    const missing = new GetObjectCommand({ Bucket, Key: 'gone' })
    assert.equal(
      (await refusal((await client(aws, allowing('s3:GetObject'))).send(missing))).code,
      'AccessDenied',
    )
    const policy = allowing(['s3:GetObject', 's3:ListBucket'])
    assert.equal((await refusal((await client(aws, policy)).send(missing))).code, 'NoSuchKey')
  })

  test('lists pages, groups by delimiter and sorts by bytes', async t => {
    const aws = await account(t)
    const s3 = await client(aws)
    const { CommonPrefixes, Contents } = await s3.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'orders/', Delimiter: '/' }),
    )
    assert.deepEqual(
      CommonPrefixes?.map(each => each.Prefix),
      ['orders/1.4.0/', 'orders/1.4.1/'],
    )
    assert.deepEqual(
      Contents?.map(each => each.Key),
      ['orders/latest'],
    )
    for (const Key of ['\u{10000}', '\uff61']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: '' }))
    const keys: (string | undefined)[] = []
    let ContinuationToken: string | undefined
    do {
      const page = await s3.send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 2, ...(ContinuationToken && { ContinuationToken }) }),
      )
      assert.ok((page.KeyCount ?? 0) <= 2)
      keys.push(...(page.Contents ?? []).map(each => each.Key))
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
    assert.deepEqual(keys.slice(-2), ['\uff61', '\u{10000}'])
    assert.equal(keys.length, 5)
    const first = await s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 1 }))
    assert.equal(first.IsTruncated, true)
    const rest = await s3.send(
      new ListObjectsCommand({
        Bucket,
        Delimiter: '/',
        ...(first.NextMarker && { Marker: first.NextMarker }),
      }),
    )
    assert.deepEqual(
      rest.Contents?.map(each => each.Key),
      ['\uff61', '\u{10000}'],
    )
  })

  test('makes, finds and deletes buckets, and no bucket that has objects', async t => {
    const aws = await account(t)
    const s3 = await client(aws)
    const own = { Bucket: 'acme-scratch' }
    const location = { CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' as const } }
    await s3.send(new CreateBucketCommand({ ...own, ...location }))
    assert.equal(
      (await refusal(s3.send(new CreateBucketCommand({ ...own, ...location })))).code,
      'BucketAlreadyOwnedByYou',
    )
    await s3.send(new HeadBucketCommand(own))
    assert.equal((await s3.send(new GetBucketLocationCommand(own))).LocationConstraint, 'eu-west-1')
    assert.equal((await s3.send(new ListBucketsCommand({}))).Buckets?.length, 4)
    await s3.send(new DeleteBucketCommand(own))
    assert.equal((await refusal(s3.send(new DeleteBucketCommand({ Bucket })))).code, 'BucketNotEmpty')
    assert.ok(aws.world.buckets.has(Bucket))
    assert.equal((await refusal(s3.send(new ListObjectsV2Command(own)))).code, 'NoSuchBucket')
  })

  test('deletes of many keys those that the session may delete', async t => {
    const aws = await account(t)
    const policy = allowing('s3:DeleteObject', 'arn:aws:s3:::acme-backups/orders-staging/*')
    const s3 = await client(aws, policy)
    const [monday, tuesday, staging] = keysOf(aws, AWS_IDS.backupsBucket)
    const answer = await s3.send(
      new DeleteObjectsCommand({
        Bucket: AWS_IDS.backupsBucket,
        Delete: { Objects: [{ Key: tuesday }, { Key: staging }] },
      }),
    )
    assert.deepEqual(
      answer.Deleted?.map(each => each.Key),
      [staging],
    )
    assert.deepEqual(
      answer.Errors?.map(each => [each.Key, each.Code]),
      [[tuesday, 'AccessDenied']],
    )
    assert.deepEqual(keysOf(aws, AWS_IDS.backupsBucket), [monday, tuesday])
    assert.deepEqual(aws.world.executed.at(-1)?.resources, [`arn:aws:s3:::acme-backups/${staging}`])
    const denied = s3.send(new DeleteObjectCommand({ Bucket: AWS_IDS.backupsBucket, Key: monday }))
    assert.equal((await refusal(denied)).code, 'AccessDenied')
    assert.deepEqual(keysOf(aws, AWS_IDS.backupsBucket), [monday, tuesday])
  })

  test('copies with a permission on both ends', async t => {
    const aws = await account(t)
    const backup = 'orders-prod/2026-04-21.dump'
    const copy = new CopyObjectCommand({ Bucket, Key: 'leaked', CopySource: `acme-backups/${backup}` })
    const half = await client(aws, allowing('s3:PutObject', `arn:aws:s3:::${Bucket}/*`))
    assert.equal((await refusal(half.send(copy))).code, 'AccessDenied')
    assert.ok(!keysOf(aws, Bucket).includes('leaked'))
    const policy = allowing(['s3:PutObject', 's3:GetObject'])
    const { CopyObjectResult } = await (await client(aws, policy)).send(copy)
    assert.match(CopyObjectResult?.ETag ?? '', /^"[0-9a-f]{32}"$/)
    assert.ok(keysOf(aws, Bucket).includes('leaked'))
  })

  test('puts an upload in parts together, and forgets one that is given up', async t => {
    const aws = await account(t)
    const s3 = await client(aws, allowing('s3:*', `arn:aws:s3:::${Bucket}/*`))
    const object = { Bucket, Key: 'big//object' }
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ ...object, ContentType: 'text/plain' }),
    )
    const Body = Buffer.alloc(PART_BYTES, 'a')
    const sent: { PartNumber: number; ETag: string | undefined }[] = []
    for (const [PartNumber, part] of [
      [1, Body],
      [2, Buffer.from('end')],
    ] as const) {
      const { ETag } = await s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body: part }))
      sent.push({ PartNumber, ETag })
    }
    assert.equal((await s3.send(new ListPartsCommand({ ...object, UploadId }))).Parts?.length, 2)
    const complete = (Parts: typeof sent, Key = object.Key) =>
      s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }))
    assert.equal((await refusal(complete([...sent].reverse()))).code, 'InvalidPartOrder')
    assert.equal((await refusal(complete(sent, 'orders/latest'))).code, 'NoSuchUpload')
    const { ETag } = await complete(sent)
    assert.match(ETag ?? '', /^"[0-9a-f]{32}-2"$/)
    assert.equal(aws.world.buckets.get(Bucket)?.objects.get('big//object')?.body.length, PART_BYTES + 3)
    const other = await s3.send(new CreateMultipartUploadCommand(object))
    await s3.send(new AbortMultipartUploadCommand({ ...object, UploadId: other.UploadId }))
    assert.equal(aws.world.uploads.size, 0)
    const managed = new Upload({
      client: s3,
      params: { Bucket, Key: 'managed', Body: Buffer.alloc(PART_BYTES * 2 + 1) },
    })
    await managed.done()
    assert.equal(aws.world.buckets.get(Bucket)?.objects.get('managed')?.body.length, PART_BYTES * 2 + 1)
  })

  test('attack: a sub-resource is never taken for the object itself', async t => {
    const aws = await account(t)
    const s3 = await client(aws)
    const object = { Bucket, Key: 'orders/latest' }
    assert.equal((await refusal(s3.send(new DeleteObjectTaggingCommand(object)))).code, 'NotImplemented')
    const version = s3.send(new DeleteObjectCommand({ ...object, VersionId: 'null' }))
    assert.equal((await refusal(version)).code, 'NotImplemented')
    const acl = s3.send(new PutObjectCommand({ ...object, Body: 'x', ACL: 'public-read' }))
    assert.equal((await refusal(acl)).code, 'NotImplemented')
    const stranger = s3.send(new DeleteObjectCommand({ ...object, ExpectedBucketOwner: '999999999999' }))
    assert.equal((await refusal(stranger)).code, 'AccessDenied')
    const wrong = s3.send(
      new PutObjectCommand({ ...object, Body: 'x', ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }),
    )
    assert.equal((await refusal(wrong)).code, 'BadDigest')
    assert.equal(aws.world.buckets.get(Bucket)?.objects.get('orders/latest')?.body.length, 5)
  })
})
