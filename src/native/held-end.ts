import type { Socket } from 'node:net'

/** What a connection is ended with whose other side reset it while nobody read; not the system's own `ECONNRESET`. */
const BROKEN_OFF = 'ECONNABORTED'

/**
 * Has a connection of undici's end where its reader is, and not while that pauses. Call it before undici has the socket.
 *
 * ATTACK: an upstream that ends or resets its connection behind `Connection: close` while an agent doesn't keep up with
 * the answer. undici 7 takes for granted that nobody pauses then, and throws where nobody can catch it.
 *
 * undici reads until there is nothing more; where it stops before that, it pauses. So the end of the stream waits until it
 * has read all there is, and a reset while it pauses is an answer that was broken off.
 */
export function holdEnd(socket: Socket): void {
  const [read, push, destroy] = [socket.read, socket.push, socket.destroy].map(each => each.bind(socket)) as [
    Socket['read'],
    Socket['push'],
    Socket['destroy'],
  ]
  let paused = false
  let ended = false
  const end = (): void => {
    push(null)
    read(0)
  }
  socket.read = size => {
    const part = read(size)
    // With a size it is Node that looks whether there is more.
    if (size !== undefined) return part
    paused = part !== null
    if (!paused && ended) {
      ended = false
      process.nextTick(end)
    }
    return part
  }
  socket.push = (part, encoding) => {
    if (part !== null || !paused) return push(part, encoding)
    ended = true
    return false
  }
  socket.destroy = error => destroy(paused ? brokenOff(error) : error)
}

function brokenOff(error: Error | undefined): Error {
  const isReset = error == null || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  return isReset ? Object.assign(new Error('broken off', { cause: error }), { code: BROKEN_OFF }) : error
}
