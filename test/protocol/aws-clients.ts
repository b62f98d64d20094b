import * as cloudformation from '@aws-sdk/client-cloudformation'
import * as cloudwatch from '@aws-sdk/client-cloudwatch'
import * as dynamodb from '@aws-sdk/client-dynamodb'
import * as ec2 from '@aws-sdk/client-ec2'
import * as iam from '@aws-sdk/client-iam'
import * as kms from '@aws-sdk/client-kms'
import * as lambda from '@aws-sdk/client-lambda'
import * as rds from '@aws-sdk/client-rds'
import * as s3 from '@aws-sdk/client-s3'
import * as sqs from '@aws-sdk/client-sqs'
import * as sts from '@aws-sdk/client-sts'
import type { AwsField, AwsService, AwsShape, Header, RawRequest } from '../../src/protocol/index.js'

/** Packages of the AWS SDK for JavaScript v3 by the catalog's service ids, with the class of each one's client. */
const PACKAGES: Readonly<Record<string, readonly [exports: object, client: string]>> = {
  cloudformation: [cloudformation, 'CloudFormationClient'],
  cloudwatch: [cloudwatch, 'CloudWatchClient'],
  dynamodb: [dynamodb, 'DynamoDBClient'],
  ec2: [ec2, 'EC2Client'],
  iam: [iam, 'IAMClient'],
  kms: [kms, 'KMSClient'],
  lambda: [lambda, 'LambdaClient'],
  rds: [rds, 'RDSClient'],
  s3: [s3, 'S3Client'],
  sqs: [sqs, 'SQSClient'],
  sts: [sts, 'STSClient'],
}

export const CLIENTS = Object.keys(PACKAGES)

type Send = (command: object) => Promise<unknown>

/** A request as the SDK's client would have sent it. */
interface SmithyRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string | null | readonly (string | null)[]>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Serialises one call after another with a real client whose transport keeps requests to itself. */
export function serialiser(
  service: string,
): (operation: string, input: object) => Promise<RawRequest | null> {
  const [exports, clientName] = PACKAGES[service] as (typeof PACKAGES)[string]
  const classes = exports as Readonly<Record<string, new (argument: object) => object>>
  let taken: SmithyRequest | null = null
  const client = new (classes[clientName] as new (config: object) => object)({
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    forcePathStyle: true,
    disableHostPrefix: true,
    requestHandler: {
      handle: (request: SmithyRequest) => {
        taken = request
        return Promise.reject(new Error('kept'))
      },
    },
  }) as { send: Send }
  return async (operation, input) => {
    const command = classes[`${operation}Command`]
    if (command === undefined) return null
    taken = null
    await client.send(new command(input)).catch(() => undefined)
    return taken === null ? null : rawOf(taken)
  }
}

function rawOf({ method, path, query, headers, body }: SmithyRequest): RawRequest {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(each => pair(name, each as string | null)),
  )
  const target = pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
  const bytes =
    body instanceof Uint8Array ? body : typeof body === 'string' ? new TextEncoder().encode(body) : null
  return {
    method,
    target,
    headers: Object.entries(headers).map(([name, value]): Header => [name, value]),
    body: bytes,
  }
}

function pair(name: string, value: string | null): string {
  return value === null ? encode(name) : `${encode(name)}=${encode(value)}`
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** What the SDK looks into before it serialises. */
const KNOWN: Readonly<Record<string, unknown>> = {
  Body: 'bytes',
  Bucket: 'bucket-1',
  ChecksumAlgorithm: undefined,
  ContentEncoding: undefined,
  ContentLength: undefined,
  ContentMD5: undefined,
  ContentType: 'text/plain',
  CopySource: 'bucket-2/key',
  Key: 'a b/c//d+e',
  QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/111122223333/queue',
}

/** Arguments for every member of an operation's input, by the catalog's own shapes. */
export function inputFor(service: AwsService, operation: string): Record<string, unknown> {
  const input = service.operations[operation]?.input
  return input === undefined ? {} : (valueFor(service, input, 0) as Record<string, unknown>)
}

function valueFor(service: AwsService, shape: AwsShape, depth: number): unknown {
  if (typeof shape === 'string') return SCALARS[shape]
  if ('ref' in shape) return valueFor(service, service.shapes[shape.ref] as AwsShape, depth + 1)
  if (depth > 6) return undefined
  if ('list' in shape) return present([valueFor(service, shape.list, depth + 1)])
  if ('map' in shape) {
    const value = valueFor(service, shape.map, depth + 1)
    return value === undefined ? undefined : { k1: value }
  }
  const members = Object.entries(shape.fields).flatMap(([name, field]): [string, unknown][] => {
    const value = memberFor(service, name, field, depth)
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(members)
}

function memberFor(service: AwsService, name: string, field: AwsField, depth: number): unknown {
  const text = field.is === 'string' || field.is === 'blob' || field.is === 'int'
  return name in KNOWN && text ? KNOWN[name] : valueFor(service, field.is, depth + 1)
}

function present(list: unknown[]): unknown[] | undefined {
  return list[0] === undefined ? undefined : list
}

const SCALARS: Readonly<Record<string, unknown>> = {
  string: 'x1',
  int: 7,
  double: 1.5,
  bool: true,
  blob: new TextEncoder().encode('bytes'),
  time: new Date('2026-04-22T10:15:00Z'),
  any: { any: 'thing' },
}
