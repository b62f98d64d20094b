import type { ReadBody } from './body.js'

/** A body up to this takes well below a millisecond to take apart. */
const SHORT_BYTES = 32_768

/**
 * Bodies that take long to take apart, one in each turn of the event loop.
 *
 * ATTACK: a hundred bodies of a megabyte that arrive together, and would be taken apart in one turn: a second in which
 * nothing else of anybody's goes on, and the link to the keeper takes a fifth of a megabyte.
 */
export class LongBodies {
  private readonly line: (() => void)[] = []

  /** Resolves when it is this body's turn; at once for a short one. */
  async turn(body: ReadBody): Promise<void> {
    if (body.kind !== 'whole' || body.bytes.length <= SHORT_BYTES) return
    await new Promise<void>(resolve => {
      this.line.push(resolve)
      if (this.line.length === 1) setImmediate(this.next)
    })
  }

  /** What is scheduled from here belongs to the next turn. */
  private readonly next = (): void => {
    this.line.shift()?.()
    if (this.line.length > 0) setImmediate(this.next)
  }
}
