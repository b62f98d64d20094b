import { createHmac, timingSafeEqual } from 'node:crypto'
import type { StreamCheck } from '../protocol/index.js'
import { type BodyCheck, BodyRefused } from './body-check.js'
import { type Checksum, TRAILING_CHECKSUMS } from './checksum.js'
import { sha256Hex } from './digest.js'
import type { Holding } from './inspection.js'

/** What the signatures of chunks follow from. */
export interface ChunkSigning {
  /** Key of the request's signature: for one day, region and service. */
  readonly key: Uint8Array
  /** `20260422T101500Z` */
  readonly date: string
  /** `20260422/eu-west-1/s3/aws4_request` */
  readonly scope: string
  /** The request's own signature, which the first chunk's continues. */
  readonly seed: string
}

type ChunkedCheck = Extract<StreamCheck, { kind: 'aws-chunked' }>

/** Where in the grammar the next byte stands. */
type Place = 'size' | 'data' | 'data-end' | 'trailer' | 'trailer-signature' | 'last-line' | 'done'

/** A signed chunk is held whole until it is verified. SDKs write 64 KiB to 1 MiB. */
const MAX_SIGNED_CHUNK_BYTES = 16_777_216
/** Longest line of the framing: a trailer with its checksum or signature, twice over. */
const MAX_LINE_BYTES = 256
const SIZE = /^(0|[1-9a-fA-F][0-9a-fA-F]{0,12})$/
const SIGNED_SIZE = /^(0|[1-9a-fA-F][0-9a-fA-F]{0,12});chunk-signature=([0-9a-f]{64})$/
const TRAILER_SIGNATURE = /^x-amz-trailer-signature:([0-9a-f]{64})$/
const LF = 0x0a
const CR = 0x0d

/**
 * Takes AWS's own chunks off a body, and verifies what they say of it:
 *
 *   10000;chunk-signature=<64 hex>\r\n <65536 bytes> \r\n … 0;chunk-signature=<64 hex>\r\n
 *   x-amz-checksum-crc32:<base64>\r\n x-amz-trailer-signature:<64 hex>\r\n \r\n
 *
 * Without signatures a line is the size alone; without a trailer the empty line follows at once. Only what SDKs
 * write is taken: one spelling of everything, every byte accounted for, none behind the end. No byte of a signed
 * chunk is emitted before its signature was found good.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export class AwsChunks implements BodyCheck {
  private readonly check: ChunkedCheck
  private readonly signatures: ChunkSignatures | null
  private readonly checksum: Checksum | null
  private readonly holding: Pick<Holding, 'take'>
  private place: Place = 'size'
  private readonly line = Buffer.alloc(MAX_LINE_BYTES)
  private lineBytes = 0
  /** Of the payload, not yet announced by a chunk. */
  private unannounced: number
  /** Of the chunk, still to come. */
  private missing = 0
  /** Null where chunks aren't signed. */
  private chunk: Buffer | null = null
  private chunkSignature = ''
  private trailerLine = ''
  private roomBytes = 0

  constructor(check: ChunkedCheck, signing: ChunkSigning | null, holding: Pick<Holding, 'take'>) {
    this.check = check
    this.signatures = signing === null ? null : new ChunkSignatures(signing)
    this.checksum = check.trailer === null ? null : checksumOf(check.trailer)
    this.holding = holding
    this.unannounced = check.payloadBytes
  }

  take(part: Buffer, emit: (payload: Buffer) => void): void {
    let at = 0
    while (at < part.length) {
      if (this.place === 'done') throw new BodyRefused('aws_chunk_malformed')
      at = this.place === 'data' ? this.takeData(part, at, emit) : this.takeLine(part, at)
    }
  }

  end(): void {
    if (this.place !== 'done') throw new BodyRefused('aws_chunk_malformed')
  }

  private takeData(part: Buffer, at: number, emit: (payload: Buffer) => void): number {
    const data = part.subarray(at, at + this.missing)
    if (this.chunk === null) {
      this.checksum?.update(data)
      emit(data)
    } else {
      data.copy(this.chunk, this.chunk.length - this.missing)
    }
    this.missing -= data.length
    if (this.missing === 0) {
      if (this.chunk !== null) this.release(this.chunk, emit)
      this.place = 'data-end'
    }
    return at + data.length
  }

  /** INVARIANT: the only way out for bytes of a signed chunk. */
  private release(chunk: Buffer, emit: (payload: Buffer) => void): void {
    this.chunk = null
    this.signatures?.verifyChunk(chunk, this.chunkSignature)
    this.checksum?.update(chunk)
    emit(chunk)
  }

  /** A line may come in parts; it is read when its end is there. */
  private takeLine(part: Buffer, at: number): number {
    const lf = part.indexOf(LF, at)
    const end = lf < 0 ? part.length : lf + 1
    if (this.lineBytes + end - at > MAX_LINE_BYTES) throw new BodyRefused('aws_chunk_malformed')
    part.copy(this.line, this.lineBytes, at, end)
    this.lineBytes += end - at
    if (lf >= 0) {
      const { line, lineBytes } = this
      this.lineBytes = 0
      if (line[lineBytes - 2] !== CR || lineBytes < 2) throw new BodyRefused('aws_chunk_malformed')
      this.readLine(line.toString('latin1', 0, lineBytes - 2))
    }
    return end
  }

  private readLine(line: string): void {
    switch (this.place) {
      case 'size':
        this.readSize(line)
        break
      case 'data-end':
        this.place = expected(line === '', 'size')
        break
      case 'trailer':
        this.readTrailer(line)
        break
      case 'trailer-signature':
        this.readTrailerSignature(line)
        break
      default:
        this.place = expected(line === '', 'done')
    }
  }

  private readSize(line: string): void {
    const match = (this.signatures === null ? SIZE : SIGNED_SIZE).exec(line)
    const bytes = Number.parseInt(match?.[1] ?? '', 16)
    // ATTACK: a size that overflows, or runs past what Content-Length will say upstream.
    if (match === null || bytes > this.unannounced) throw new BodyRefused('aws_chunk_malformed')
    this.chunkSignature = match[2] ?? ''
    this.unannounced -= bytes
    if (bytes > 0) this.openChunk(bytes)
    else this.endChunks()
  }

  private endChunks(): void {
    if (this.unannounced > 0) throw new BodyRefused('aws_chunk_malformed')
    this.signatures?.verifyChunk(NOTHING, this.chunkSignature)
    this.place = this.check.trailer === null ? 'last-line' : 'trailer'
  }

  private openChunk(bytes: number): void {
    this.missing = bytes
    this.place = 'data'
    if (this.signatures === null) return
    if (bytes > MAX_SIGNED_CHUNK_BYTES) throw new BodyRefused('aws_chunk_malformed')
    // One chunk that fills, and one that was verified and waits for the upstream.
    const wanted = 2 * bytes - this.roomBytes
    if (wanted > 0) {
      if (!this.holding.take(wanted)) throw new BodyRefused('gate_busy')
      this.roomBytes += wanted
    }
    this.chunk = Buffer.allocUnsafe(bytes)
  }

  private readTrailer(line: string): void {
    const { trailer } = this.check
    if (this.checksum === null || !line.startsWith(`${trailer}:`))
      throw new BodyRefused('aws_chunk_malformed')
    if (line.slice(`${trailer}:`.length) !== this.checksum.base64()) throw new BodyRefused('payload_mismatch')
    this.trailerLine = line
    this.place = this.signatures === null ? 'last-line' : 'trailer-signature'
  }

  private readTrailerSignature(line: string): void {
    const signature = TRAILER_SIGNATURE.exec(line)?.[1]
    if (signature === undefined) throw new BodyRefused('aws_chunk_malformed')
    this.signatures?.verifyTrailer(this.trailerLine, signature)
    this.place = 'last-line'
  }
}

/** Each signature covers the one before, so that no chunk can be left out, repeated or moved. */
class ChunkSignatures {
  private readonly signing: ChunkSigning
  private previous: string

  constructor(signing: ChunkSigning) {
    this.signing = signing
    this.previous = signing.seed
  }

  verifyChunk(chunk: Buffer, signature: string): void {
    this.verify(['AWS4-HMAC-SHA256-PAYLOAD', SHA256_OF_NOTHING, sha256Hex(chunk)], signature)
  }

  verifyTrailer(line: string, signature: string): void {
    this.verify(['AWS4-HMAC-SHA256-TRAILER', sha256Hex(Buffer.from(`${line}\n`))], signature)
  }

  private verify([kind, ...digests]: readonly string[], signature: string): void {
    const { key, date, scope } = this.signing
    const text = [kind, date, scope, this.previous, ...digests].join('\n')
    const made = createHmac('sha256', key).update(text).digest()
    if (!timingSafeEqual(made, Buffer.from(signature, 'hex'))) throw new BodyRefused('aws_chunk_signature')
    this.previous = signature
  }
}

function expected(met: boolean, next: Place): Place {
  if (!met) throw new BodyRefused('aws_chunk_malformed')
  return next
}

/** Throws `BodyRefused` for a trailer that can't be checked, and would be lost with the framing. */
function checksumOf(trailer: string): Checksum {
  const open = Object.hasOwn(TRAILING_CHECKSUMS, trailer) ? TRAILING_CHECKSUMS[trailer] : undefined
  if (open === undefined) throw new BodyRefused('aws_trailer_unknown')
  return open()
}

const NOTHING = Buffer.alloc(0)
const SHA256_OF_NOTHING = sha256Hex(NOTHING)
