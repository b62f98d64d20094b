import type { IncomingMessage } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import type { BodyCheck } from './body-check.js'
import { RunningDigest } from './digest.js'

/** The agent went away in the middle of its request or before its answer. */
export class AgentLeft extends Error {}

/**
 * A body that goes upstream as it comes, hashed on the way, in memory bounded by two stream buffers. Destroyed
 * with `AgentLeft` when the agent breaks off. When the upstream stops reading, the rest is left in the request.
 *
 * INVARIANT: under a check the last part, and the end of the body with it, goes on only when the check has passed.
 * Otherwise the upload is destroyed with `BodyRefused`: what the upstream has is short of its Content-Length, or
 * lacks its last chunk.
 */
export class Upload extends Transform {
  /** Of what went upstream. */
  readonly digest = new RunningDigest()
  private readonly request: IncomingMessage
  private readonly check: BodyCheck | null
  private held: Buffer = NOTHING
  /** What the check has emitted of the part that it reads. */
  private fresh: Buffer[] = []

  constructor(request: IncomingMessage, check: BodyCheck | null) {
    super()
    this.request = request
    this.check = check
    request.on('close', this.onRequestClose)
    // ATTACK: a body that turns out bad when the upstream has answered already, and nobody listens any more.
    this.on('error', ignore)
    request.pipe(this)
  }

  override _transform(part: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const { check } = this
    if (check === null) this.forward(part)
    const fault = check === null ? null : faultOf(() => check.take(part, this.gather))
    this.holdFresh()
    done(fault)
  }

  override _flush(done: TransformCallback): void {
    const { check } = this
    const fault = check === null ? null : faultOf(() => check.end(() => this.digest.hexWith(this.held)))
    if (fault === null && this.held.length > 0) this.forward(this.held)
    done(fault)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.request.off('close', this.onRequestClose)
    this.request.unpipe(this)
    this.held = NOTHING
    this.fresh = []
    done(error)
  }

  private readonly gather = (payload: Buffer): void => {
    if (payload.length > 0) this.fresh.push(payload)
  }

  /** ATTACK: chunks of a byte each. They go on as one part, and not with a write for every one of them. */
  private holdFresh(): void {
    const [first = NOTHING, ...more] = this.fresh
    if (first.length === 0) return
    if (this.held.length > 0) this.forward(this.held)
    this.held = more.length === 0 ? first : Buffer.concat(this.fresh)
    this.fresh = []
  }

  private forward(part: Buffer): void {
    this.digest.update(part)
    this.push(part)
  }

  private readonly onRequestClose = (): void => {
    if (!this.request.complete) this.destroy(new AgentLeft())
  }
}

/** What the step threw; null where it passed. */
function faultOf(step: () => void): Error | null {
  try {
    step()
    return null
  } catch (error) {
    return error as Error
  }
}

/** Whoever reads the upload hears of the error as well. */
function ignore(): void {}

const NOTHING = Buffer.alloc(0)
