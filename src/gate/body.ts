import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { type BodyPlan, EMPTY_PAYLOAD, type ProtocolCode, type StreamCheck } from '../protocol/index.js'
import { TRAILING_CHECKSUMS } from './checksum.js'
import { sha256Hex } from './digest.js'
import type { GateCode } from './error-table.js'
import type { Holding } from './inspection.js'
import type { GateLimits } from './limits.js'

/** The body of one request, as far as it was looked at. */
export type ReadBody =
  | { readonly kind: 'none' }
  /** Whole and decoded: exactly the bytes that are classified, hashed and forwarded; and the digest of what came. */
  | {
      readonly kind: 'whole'
      readonly bytes: Buffer
      readonly sha256: string
      readonly receivedSha256: string
    }
  /**
   * Not yet read: it goes upstream as it comes, and is held to its check on the way. `lengthBytes` is that of what
   * goes upstream; null where it has no end until it ends.
   */
  | { readonly kind: 'stream'; readonly lengthBytes: number | null; readonly check: StreamCheck | null }
  | { readonly kind: 'refused'; readonly code: BodyCode }

type BodyCode = GateCode | ProtocolCode

const NO_BODY: ReadBody = { kind: 'none' }

/**
 * Does with the body what the catalog planned. A body that is inspected is read whole, within bounds before and
 * after decoding. INVARIANT: nothing is decided on a prefix; a larger body is refused, and where its length is
 * announced, before a byte of it is read. `holding` counts what stays in memory, as it came and decoded.
 */
export async function readBody(
  request: IncomingMessage,
  plan: BodyPlan,
  limits: Pick<GateLimits, 'maxInspectBytes' | 'inspectedBodyMs'>,
  holding: Holding,
): Promise<ReadBody> {
  if (!hasBody(request)) return withoutBody(plan)
  switch (plan.kind) {
    case 'none':
      return { kind: 'refused', code: 'body_unexpected' }
    case 'stream':
      return streamed(request, plan.check ?? null)
    case 'inspect':
      return readWhole(
        request,
        { maxBytes: Math.min(plan.maxBytes, limits.maxInspectBytes), timeoutMs: limits.inspectedBodyMs },
        holding,
      )
  }
}

/** ATTACK: a request signed with the hash of a body, and sent without one. */
function withoutBody(plan: BodyPlan): ReadBody {
  const check = plan.kind === 'stream' ? plan.check : undefined
  if (check === undefined) return NO_BODY
  if (check.kind === 'aws-chunked') return refused('aws_chunk_malformed') // even nothing has a last chunk
  return check.hex === EMPTY_PAYLOAD ? NO_BODY : refused('payload_mismatch')
}

function streamed(request: IncomingMessage, check: StreamCheck | null): ReadBody {
  if (check?.kind !== 'aws-chunked') return { kind: 'stream', lengthBytes: announcedLength(request), check }
  const { trailer, payloadBytes } = check
  if (trailer !== null && !Object.hasOwn(TRAILING_CHECKSUMS, trailer)) return refused('aws_trailer_unknown')
  return { kind: 'stream', lengthBytes: payloadBytes, check }
}

/** True where the headers announce a body, an empty one apart (RFC 9112 §6.3). */
function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && !/^0+$/.test(length))
}

/** Null for a chunked body. */
function announcedLength(request: IncomingMessage): number | null {
  const length = request.headers['content-length']
  return length === undefined ? null : Number(length)
}

/** Null for no coding. */
function codingOf(request: IncomingMessage): string | null {
  const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? ''
  return coding === '' || coding === 'identity' ? null : coding
}

interface ReadingBounds {
  readonly maxBytes: number
  readonly timeoutMs: number
}

async function readWhole(
  request: IncomingMessage,
  bounds: ReadingBounds,
  holding: Holding,
): Promise<ReadBody> {
  const { maxBytes } = bounds
  const coding = codingOf(request)
  if (coding !== null && !Object.hasOwn(DECODERS, coding)) return refused('content_encoding')
  const announced = announcedLength(request) ?? 0
  if (announced > maxBytes) return refused('body_too_large')
  // Those that find room get through: without it, five hundred at once fill it with a part of each.
  if (!holding.announce(announced)) return refused('gate_busy')
  const received = await receive(request, bounds, holding)
  if (typeof received === 'string') return refused(received)
  if (coding === null) return whole(received, received)
  try {
    const decoded = await (DECODERS[coding] as Decode)(received, { maxOutputLength: maxBytes })
    return holding.take(decoded.length) ? whole(decoded, received) : refused('gate_busy')
  } catch (error) {
    const bomb = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return refused(bomb ? 'body_too_large' : 'content_encoding_malformed')
  }
}

function whole(bytes: Buffer, received: Buffer): ReadBody {
  const sha256 = sha256Hex(bytes)
  return { kind: 'whole', bytes, sha256, receivedSha256: received === bytes ? sha256 : sha256Hex(received) }
}

function refused(code: BodyCode): ReadBody {
  return { kind: 'refused', code }
}

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/**
 * One coding, one decoder (RFC 9110 §8.4.1). ATTACK: `gzip, gzip` hides a body behind a second layer; a list is no key here.
 * `deflate` is the zlib format; raw deflate has no check sum and is refused by the decoder.
 */
const DECODERS: Readonly<Record<string, Decode>> = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  br: promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress),
}

function receive(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: ReadingBounds,
  holding: Holding,
): Promise<Buffer | BodyCode> {
  return new Promise(resolve => {
    const parts: Buffer[] = []
    let lengthBytes = 0
    const timer = setTimeout(() => finish('body_slow'), timeoutMs)
    const onData = (part: Buffer): void => {
      lengthBytes += part.length
      if (lengthBytes > maxBytes) finish('body_too_large')
      else if (!holding.take(part.length)) finish('gate_busy')
      else parts.push(part)
    }
    const onEnd = (): void => finish(null)
    const onBroken = (): void => finish('body_incomplete')
    const finish = (code: BodyCode | null): void => {
      clearTimeout(timer)
      holding.arrived()
      request.off('data', onData).off('end', onEnd).off('close', onBroken)
      request.pause()
      if (code !== null) resolve(code)
      else resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, lengthBytes))
    }
    holding.arrive(() => finish('body_slow'))
    request.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', ignore)
  })
}

/** A broken request also emits `close`, which is what counts. */
function ignore(): void {}
