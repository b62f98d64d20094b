import { linkFault } from './error-table.js'

/**
 * One frame on the wire:
 *
 *     | length: uint32, big-endian | type: uint8 | payload: length − 1 bytes |
 *
 * `length` counts the type byte and the payload.
 */
export interface Frame {
  readonly type: number
  /** A view into received bytes: read it before the next `push`. */
  readonly payload: Buffer
}

const HEADER_BYTES = 5

/** The frame around a payload's text, in one allocation. */
export function encodeFrame(type: number, text: string): Buffer {
  const payloadBytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes)
  frame.writeUInt32BE(payloadBytes + 1, 0)
  frame[4] = type
  frame.write(text, HEADER_BYTES, 'utf8')
  return frame
}

/**
 * Cuts a byte stream into frames. It holds at most one unfinished frame, of a type that is known and a length
 * that this type may have: both are checked as soon as the five bytes of the header are there.
 */
export class FrameReader {
  private readonly maxPayloadBytes: (type: number) => number | undefined
  private readonly chunks: Buffer[] = []
  private held = 0
  /** Bytes that the frame at the front has in all; unknown until its header is complete. */
  private wanted = HEADER_BYTES
  private headerRead = false

  /** `maxPayloadBytes` answers undefined for a type that may not arrive here. */
  constructor(maxPayloadBytes: (type: number) => number | undefined) {
    this.maxPayloadBytes = maxPayloadBytes
  }

  /** True while a frame has begun and is not complete. */
  get unfinished(): boolean {
    return this.held > 0
  }

  /** Calls `onFrame` for each frame that is complete now. Throws `frame_malformed` or `frame_too_large`; the stream is of no use after that. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    this.chunks.push(chunk)
    this.held += chunk.length
    while (this.held >= this.wanted) {
      const bytes = this.joined()
      if (!this.headerRead) {
        this.wanted = this.frameLength(bytes)
        this.headerRead = true
        if (this.held < this.wanted) return
      }
      const frame = { type: bytes[4] as number, payload: bytes.subarray(HEADER_BYTES, this.wanted) }
      this.keepOnly(bytes.subarray(this.wanted))
      onFrame(frame)
    }
  }

  private frameLength(header: Buffer): number {
    const length = header.readUInt32BE(0)
    const max = this.maxPayloadBytes(header[4] as number)
    if (length === 0 || max === undefined) throw linkFault('frame_malformed', 'unknown message type')
    if (length - 1 > max) throw linkFault('frame_too_large', `${length - 1} bytes, at most ${max}`)
    return HEADER_BYTES - 1 + length
  }

  private joined(): Buffer {
    if (this.chunks.length > 1) this.chunks.splice(0, this.chunks.length, Buffer.concat(this.chunks))
    return this.chunks[0] as Buffer
  }

  private keepOnly(rest: Buffer): void {
    this.chunks.length = 0
    if (rest.length > 0) this.chunks.push(rest)
    this.held = rest.length
    this.wanted = HEADER_BYTES
    this.headerRead = false
  }
}
