import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { checkMaterial, type Material } from '../credential/index.js'
import { type CopyFiles, exchange, folderFiles, objectFiles } from '../ledger/index.js'
import { type Io, UsageError } from './io.js'
import { readPrivateText } from './keyfile.js'
import { s3Signer } from './ship-credential.js'
import { materialFromText } from './vault-material.js'

/** How a shipped copy is reached and which log of it is meant. */
export interface CopyFlags {
  readonly chain?: string
  readonly endpoint?: string
  readonly region?: string
  readonly s3Key?: string
  readonly s3Ca?: string
}

/** Adds the options that a command needs for reading a bucket. */
export function addCopyOptions(command: Command): Command {
  return command
    .option('--endpoint <origin>', 'S3 API of s3://bucket/prefix; that of AWS in the region by default')
    .option('--region <name>', 'its region; AWS_REGION, or us-east-1 by default')
    .option(
      '--s3-key <file>',
      'JSON with accessKeyId and secretAccessKey, mode 0600; the environment’s AWS_… variables by default',
    )
    .option('--s3-ca <file>', 'the CA, PEM, of its certificate, instead of the system’s')
}

/** True for a place that is a bucket, `s3://bucket/prefix` or `https://host/bucket/prefix`; anything else is a path. */
export function isBucket(place: string): boolean {
  return /^(s3|https?):\/\//.test(place)
}

/** The objects at a place: a bucket, or a folder that somebody has synchronised from one. */
export function copyFiles(place: string, flags: CopyFlags, io: Pick<Io, 'env'>): CopyFiles {
  if (!isBucket(place)) return folderFiles(place)
  const region = flags.region ?? io.env.AWS_REGION ?? io.env.AWS_DEFAULT_REGION ?? 'us-east-1'
  const { endpoint, bucket, prefix } = bucketOf(place, flags.endpoint, region)
  const material = keyOf(flags, io)
  const tls = flags.s3Ca === undefined ? {} : { ca: readFileSync(flags.s3Ca, 'utf8') }
  return objectFiles(
    { endpoint, bucket, prefix },
    exchange(tls),
    s3Signer(region, () => material),
  )
}

function bucketOf(place: string, endpoint: string | undefined, region: string) {
  const { protocol, host, origin, pathname } = new URL(place)
  const path = pathname.split('/').filter(part => part !== '')
  const found =
    protocol === 's3:'
      ? { endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`, bucket: host, prefix: path.join('/') }
      : { endpoint: origin, bucket: path[0] ?? '', prefix: path.slice(1).join('/') }
  if (found.bucket === '') throw new UsageError(`${place} names no bucket`, 'Pass s3://bucket/prefix.')
  if (!URL.canParse(found.endpoint))
    throw new UsageError('--endpoint is no origin', 'Pass https://host or https://host:port.')
  const url = new URL(found.endpoint)
  // What is read is verified, but the signature of the request and the receipts would be on the line.
  if (url.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
    throw new UsageError('a bucket is not read in the clear', 'Use https://.')
  return { ...found, endpoint: url.origin }
}

function keyOf({ s3Key }: CopyFlags, { env }: Pick<Io, 'env'>): Material<'ship-s3'> {
  if (s3Key !== undefined)
    return checkMaterial('ship-s3', materialFromText('ship-s3', readPrivateText(s3Key)))
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  const { AWS_SESSION_TOKEN: sessionToken } = env
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new UsageError(
      'there is no key to read the bucket with',
      'Pass --s3-key FILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    )
  return checkMaterial('ship-s3', {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  })
}
