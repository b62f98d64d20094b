import type { Duplex } from 'node:stream'
import { CountersignError } from '../canon/index.js'
import { encodeMessage, type Inbound } from './codec.js'
import { linkFault } from './error-table.js'
import { FrameReader } from './frame.js'
import type { GateMessage, KeeperMessage } from './messages.js'

/** How long an ended connection may take to hand over what was queued. */
const FLUSH_MS = 1_000

export interface ChannelEvents<In> {
  /** `lengthBytes` is that of its payload on the wire. */
  onMessage(message: In, lengthBytes: number): void
  /** Once, whatever ended it: null where the other side closed it or this side called `close`. */
  onClose(fault: CountersignError | null): void
}

export interface ChannelOptions {
  /** A frame that began goes on by then; 10,000 unless told. */
  readonly frameTimeoutMs?: number
}

/**
 * Messages over one connected stream. Frames written in one turn of the event loop leave in one write. The
 * first malformed, oversized or stalled frame ends the connection.
 */
export class Channel<In, Out extends GateMessage | KeeperMessage> {
  private readonly stream: Duplex
  private readonly reader: FrameReader
  private readonly inbound: Inbound<In>
  private readonly events: ChannelEvents<In>
  private readonly frameTimeoutMs: number
  private corked = false
  /** Frames that wait until what was written before them is taken. */
  private readonly waiting: Buffer[] = []
  private full = false
  private paused = false
  private stallTimer: NodeJS.Timeout | undefined
  private ended = false

  constructor(stream: Duplex, inbound: Inbound<In>, events: ChannelEvents<In>, options: ChannelOptions = {}) {
    this.stream = stream
    this.inbound = inbound
    this.events = events
    this.frameTimeoutMs = options.frameTimeoutMs ?? 10_000
    this.reader = new FrameReader(type => inbound.maxPayloadBytes(type))
    stream.on('data', (chunk: Buffer) => this.receive(chunk))
    stream.on('drain', () => this.writeWaiting())
    stream.on('error', () => this.end(null))
    stream.on('end', () =>
      this.end(this.reader.unfinished ? linkFault('frame_malformed', 'half a frame') : null),
    )
    stream.on('close', () => this.end(null))
  }

  /** Bytes that were sent and not yet taken by the other side. */
  get unsentBytes(): number {
    return this.stream.writableLength
  }

  get open(): boolean {
    return !this.ended
  }

  /** Throws `frame_too_large`; nothing is sent then. */
  send(message: Out): void {
    this.sendEncoded(encodeMessage(message))
  }

  /** For one message to many: a frame from `encodeMessage`. */
  sendEncoded(frame: Buffer): void {
    if (this.ended) return
    if (!this.corked) {
      this.corked = true
      this.stream.cork()
      setImmediate(() => {
        this.corked = false
        this.stream.uncork()
      })
    }
    this.full = !this.stream.write(frame) || this.full
  }

  /**
   * For a long frame that others may pass: it goes on when nothing is left to be taken before it.
   * ATTACK: megabytes of one agent in line before everybody's requests, and a socket that takes a fifth of one at a time.
   */
  sendBehind(frame: Buffer): void {
    if (this.ended) return
    this.waiting.push(frame)
    if (!this.full) this.writeWaiting()
  }

  /** Stops reading, so that the other side feels it; frames that already arrived are still delivered. */
  pause(): void {
    this.paused = true
    this.stream.pause()
    this.stopStallClock()
  }

  resume(): void {
    if (this.ended) return
    this.paused = false
    this.stream.resume()
    this.watchForStall()
  }

  /** Sends what is queued, then ends the connection because of what the other side did. */
  fail(fault: CountersignError): void {
    this.end(fault)
  }

  /** Sends what is queued, then closes. */
  close(): void {
    this.end(null)
  }

  private writeWaiting(): void {
    this.full = false
    while (!this.full && !this.ended) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.sendEncoded(next)
    }
  }

  private receive(chunk: Buffer): void {
    if (this.ended) return
    this.stopStallClock()
    try {
      this.reader.push(chunk, frame => {
        if (!this.ended) this.events.onMessage(this.inbound.decode(frame), frame.payload.length)
      })
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      this.end(error)
      return
    }
    this.watchForStall()
  }

  /**
   * ATTACK: half a frame, held open for ever. The clock begins anew with whatever comes: the socket takes a long frame a
   * fifth of a megabyte at a time, and who is kept busy by an agent may take a second over each. While this side doesn't
   * read, the other can't be late.
   */
  private watchForStall(): void {
    if (this.ended || this.paused || !this.reader.unfinished) return
    this.stallTimer ??= setTimeout(() => this.lookOnce(), this.frameTimeoutMs)
  }

  /** A process that stood still itself has something to read before it may say that the other did. */
  private lookOnce(): void {
    const clock = this.stallTimer
    setImmediate(() => {
      if (clock !== undefined && this.stallTimer === clock) this.end(linkFault('frame_stalled'))
    })
  }

  private stopStallClock(): void {
    clearTimeout(this.stallTimer)
    this.stallTimer = undefined
  }

  private end(fault: CountersignError | null): void {
    if (this.ended) return
    this.ended = true
    this.waiting.length = 0
    this.stopStallClock()
    this.stream.uncork()
    this.stream.end(() => this.stream.destroy())
    // ATTACK: a peer that reads nothing, so that nothing is ever flushed.
    setTimeout(() => this.stream.destroy(), FLUSH_MS).unref()
    this.events.onClose(fault)
  }
}
