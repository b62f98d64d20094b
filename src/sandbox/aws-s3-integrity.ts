import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, headerOf } from './aws-request.js'

const CHECKSUMS: Readonly<Record<string, (body: Uint8Array) => Buffer>> = {
  'content-md5': body => createHash('md5').update(body).digest(),
  'x-amz-checksum-sha1': body => createHash('sha1').update(body).digest(),
  'x-amz-checksum-sha256': body => createHash('sha256').update(body).digest(),
  'x-amz-checksum-crc32': body => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(crc32(body))
    return bytes
  },
}

/** Holds a body against every checksum that came with it. Throws `AwsRefusal`: `BadDigest`, or `InvalidRequest` where one is required. */
export function verifyIntegrity(request: AwsRequest, need: 'required' | 'optional'): void {
  const sent = Object.entries(CHECKSUMS).flatMap(([name, digest]) => {
    const value = headerOf(request, name)
    return value === undefined ? [] : [{ name, value, digest }]
  })
  if (sent.length === 0 && need === 'required')
    throw new AwsRefusal('InvalidRequest', 'Missing required header for this request: Content-MD5')
  for (const { name, value, digest } of sent)
    if (digest(request.body).toString('base64') !== value)
      throw new AwsRefusal('BadDigest', `The ${name} you specified did not match what we received.`)
}
