import type { IncomingMessage } from 'node:http'
import { injectorFault } from './error-table.js'
import { JsonBounds } from './json-bounds.js'

/** A request to the API server is at most 3 MiB; an update has the object twice. The rest is what stands around them. */
export const MAX_BODY_BYTES = 6_356_992
/** Of all bodies that are read at once. */
const MAX_HELD_BYTES = 8 * MAX_BODY_BYTES
/** ATTACK: nothing says who asks, so that one address leaves room for the others. Each API server has its own. */
const MAX_HELD_BY_ONE = MAX_HELD_BYTES / 4

/** Reads the bodies of reviews, and holds no more of them than there is room for. */
export class ReviewBodies {
  private held = 0
  private readonly heldBy = new Map<string, number>()

  /** The whole body as text. Throws `review_malformed` or `reviews_crowded`, as soon as that can be told. */
  async read(request: IncomingMessage): Promise<string> {
    const source = request.socket.remoteAddress ?? ''
    const chunks: Buffer[] = []
    const bounds = new JsonBounds()
    let size = 0
    refuseLarger(Number(request.headers['content-length'] ?? 0))
    try {
      // What is refused is answered before it has all come.
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        size += chunk.length
        this.hold(source, chunk.length)
        refuseLarger(size)
        bounds.take(chunk)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks).toString('utf8')
    } finally {
      this.hold(source, -size)
    }
  }

  private hold(source: string, bytes: number): void {
    const bySource = (this.heldBy.get(source) ?? 0) + bytes
    this.held += bytes
    if (bySource > 0) this.heldBy.set(source, bySource)
    else this.heldBy.delete(source)
    if (bytes > 0 && (this.held > MAX_HELD_BYTES || bySource > MAX_HELD_BY_ONE))
      throw injectorFault('reviews_crowded')
  }
}

function refuseLarger(bytes: number): void {
  if (bytes > MAX_BODY_BYTES) throw injectorFault('review_malformed', `more than ${MAX_BODY_BYTES} bytes`)
}
