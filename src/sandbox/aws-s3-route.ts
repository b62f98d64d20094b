import { randomUUID } from 'node:crypto'
import type { AwsCall, Need } from './aws-call.js'
import type { AwsAnswer } from './aws-dialect.js'
import { AwsRefusal } from './aws-refusal.js'
import type { AwsWorld, Bucket } from './aws-world.js'
import { type XmlValue, xmlDocument } from './aws-xml.js'

/** Where a request points; empty texts where it doesn't. */
export interface S3Target {
  readonly bucket: string
  readonly key: string
}

/** One operation of S3, told apart by everything but its name. */
export interface S3Route {
  readonly operation: string
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly level: 'account' | 'bucket' | 'object'
  /** Whether `x-amz-copy-source` is there. */
  readonly copies: boolean
  /** Query parameters that have to be there: `['uploadId', 'partNumber']`. */
  readonly marks: readonly string[]
  /** Query parameters that may be there. */
  readonly takes: readonly string[]
  needs(target: S3Target, call: AwsCall): readonly Need[]
  /** `done` is what the journal will say; an operation on many keys takes out those that were refused. */
  run(target: S3Target, call: AwsCall, done: Need[]): AwsAnswer
}

const S3_XMLNS = 'http://s3.amazonaws.com/doc/2006-03-01/'

export function s3Xml(root: string, value: XmlValue): AwsAnswer {
  return s3Answer(200, { 'content-type': 'application/xml' }, xmlDocument(root, S3_XMLNS, value))
}

export function s3Answer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array | string = '',
): AwsAnswer {
  return { status, headers: { 'x-amz-request-id': randomUUID(), ...headers }, body }
}

export function onBucket(action: string): S3Route['needs'] {
  return ({ bucket }) => [{ action, resources: [bucketArn(bucket)] }]
}

export function onObject(action: string): S3Route['needs'] {
  return target => [{ action, resources: [objectArn(target)] }]
}

export function bucketArn(name: string): string {
  return `arn:aws:s3:::${name}`
}

export function objectArn({ bucket, key }: S3Target): string {
  return `arn:aws:s3:::${bucket}/${key}`
}

export function bucketOf(world: AwsWorld, name: string): Bucket {
  const bucket = world.buckets.get(name)
  if (bucket === undefined) throw new AwsRefusal('NoSuchBucket', 'The specified bucket does not exist', 404)
  return bucket
}
