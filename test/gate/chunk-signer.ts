import { createHash, createHmac } from 'node:crypto'
import type { ChunkSigning } from '../../src/gate/aws-chunks.js'
import { TRAILING_CHECKSUMS } from '../../src/gate/checksum.js'

const SECRET = 'secret-of-the-grant'
const DATE = '20260422T101500Z'

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const hmac = (key: Uint8Array | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()

/**
 * A client that signs every chunk (STREAMING-AWS4-HMAC-SHA256-PAYLOAD and …-TRAILER), written from AWS's
 * description and from nothing of the gate's.
 */
export class ChunkSigner {
  readonly signing: ChunkSigning
  private previous: string

  constructor(
    seed: string,
    {
      secret = SECRET,
      date = DATE,
      region = 'eu-west-1',
    }: { secret?: string; date?: string; region?: string } = {},
  ) {
    const day = date.slice(0, 8)
    const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), 's3'), 'aws4_request')
    this.signing = { key, date, scope: `${day}/${region}/s3/aws4_request`, seed }
    this.previous = seed
  }

  /** The framed body in one piece. */
  frame(payload: Buffer, chunkBytes: number, trailer?: string): Buffer {
    return Buffer.concat(this.chunks(payload, chunkBytes, trailer))
  }

  /** Each chunk with its line; what ends the body is the last. */
  chunks(payload: Buffer, chunkBytes: number, trailer?: string): Buffer[] {
    const framed = cut(payload, chunkBytes).map(data => this.chunk(data))
    return [...framed, this.end(trailer === undefined ? undefined : [trailer, checksum(trailer, payload)])]
  }

  /** The next chunk. */
  chunk(data: Buffer): Buffer {
    return Buffer.concat([Buffer.from(this.line(data)), data, Buffer.from('\r\n')])
  }

  /** What ends the body. */
  end(trailer?: readonly [name: string, value: string]): Buffer {
    let end = this.line(Buffer.alloc(0))
    if (trailer !== undefined) {
      const line = trailer.join(':')
      const signature = this.sign('AWS4-HMAC-SHA256-TRAILER', [sha256(`${line}\n`)])
      end += `${line}\r\nx-amz-trailer-signature:${signature}\r\n`
    }
    return Buffer.from(`${end}\r\n`)
  }

  private line(data: Buffer): string {
    const signature = this.sign('AWS4-HMAC-SHA256-PAYLOAD', [sha256(''), sha256(data)])
    return `${data.length.toString(16)};chunk-signature=${signature}\r\n`
  }

  private sign(kind: string, digests: readonly string[]): string {
    const { key, date, scope } = this.signing
    this.previous = hmac(key, [kind, date, scope, this.previous, ...digests].join('\n')).toString('hex')
    return this.previous
  }
}

/** STREAMING-UNSIGNED-PAYLOAD-TRAILER, with or without its trailer. */
export function unsignedChunks(payload: Buffer, chunkBytes: number, trailer?: string): Buffer {
  const framed = cut(payload, chunkBytes).flatMap(data => [
    Buffer.from(`${data.length.toString(16)}\r\n`),
    data,
    Buffer.from('\r\n'),
  ])
  const end = trailer === undefined ? '' : `${trailer}:${checksum(trailer, payload)}\r\n`
  return Buffer.concat([...framed, Buffer.from(`0\r\n${end}\r\n`)])
}

function cut(payload: Buffer, chunkBytes: number): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < payload.length; at += chunkBytes) parts.push(payload.subarray(at, at + chunkBytes))
  return parts
}

function checksum(trailer: string, payload: Buffer): string {
  const made = TRAILING_CHECKSUMS[trailer]?.()
  made?.update(payload)
  return made?.base64() ?? ''
}
