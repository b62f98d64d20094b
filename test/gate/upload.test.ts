import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { it } from 'node:test'
import { AwsChunks } from '../../src/gate/aws-chunks.js'
import { Upload } from '../../src/gate/upload.js'

const PART_BYTES = 65_536

/** A request whose body comes in parts as large as a socket's. */
function requestWith(body: Buffer): IncomingMessage {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += PART_BYTES) parts.push(body.subarray(at, at + PART_BYTES))
  return Object.assign(Readable.from(parts), { complete: true }) as unknown as IncomingMessage
}

it('attack: chunks of a byte each go on in as many parts as they came in, and not one by one', async () => {
  const payload = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))
  const chunks = [...payload].map(byte => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]))
  const body = Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')])
  const check = new AwsChunks(
    { kind: 'aws-chunked', payloadBytes: payload.length, signed: false, trailer: null },
    null,
    { take: () => true },
  )
  const parts: Buffer[] = []
  const upload = new Upload(requestWith(body), check)
  upload.on('data', part => parts.push(part as Buffer))
  await once(upload, 'end')
  assert.deepEqual(Buffer.concat(parts), payload)
  assert.ok(parts.length <= Math.ceil(body.length / PART_BYTES), `${parts.length} parts`)
})
