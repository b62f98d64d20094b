import type { IncomingMessage } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import { RunningDigest } from './digest.js'

/** The agent went away in the middle of its request or before its answer. */
export class AgentLeft extends Error {}

/**
 * A body that goes upstream as it comes, hashed on the way, in memory bounded by two stream buffers. Destroyed
 * with `AgentLeft` when the agent breaks off. When the upstream stops reading, the rest is left in the request.
 */
export class Upload extends Transform {
  readonly digest = new RunningDigest()
  private readonly request: IncomingMessage

  constructor(request: IncomingMessage) {
    super()
    this.request = request
    request.on('close', this.onRequestClose)
    request.pipe(this)
  }

  override _transform(part: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.digest.update(part)
    done(null, part)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.request.off('close', this.onRequestClose)
    this.request.unpipe(this)
    done(error)
  }

  private readonly onRequestClose = (): void => {
    if (!this.request.complete) this.destroy(new AgentLeft())
  }
}
