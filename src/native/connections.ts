import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The connections of one listener, bounded. One more than may be open takes the place of the one that has had no
 * request open for longest; where every one has, the newcomer is closed.
 *
 * ATTACK: a client that opens as many connections as there may be and keeps them, idle or behind half a request, would
 * lock every other out for as long as it likes.
 */
export class Connections {
  private readonly max: number
  private readonly onCrowded: () => void
  /** Requests of each connection that aren't answered to their end. */
  private readonly open = new Map<Socket, number>()
  /** Those without any, the one that has been so for longest first. */
  private readonly idle = new Set<Socket>()

  constructor(server: Server, max: number, onCrowded: () => void = () => undefined) {
    this.max = max
    this.onCrowded = onCrowded
    server.on('connection', (socket: Socket) => this.take(socket))
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (request: IncomingMessage, response: ServerResponse) => {
        const socket = carrierOf(request.socket)
        this.change(socket, 1)
        response.once('close', () => this.change(socket, -1))
      })
  }

  /** Closes those without a request; ATTACK: one that says nothing would keep a server from its end. */
  closeIdle(): void {
    for (const socket of [...this.idle]) this.leave(socket)
  }

  private take(socket: Socket): void {
    if (this.open.size >= this.max) {
      this.onCrowded()
      const [longest] = this.idle
      this.leave(longest ?? socket)
      if (longest === undefined) return
    }
    this.open.set(socket, 0)
    this.idle.add(socket)
    socket.once('close', () => this.forget(socket))
  }

  /** Gone for the count at once; the system takes a moment to say so. */
  private leave(socket: Socket): void {
    this.forget(socket)
    socket.destroy()
  }

  private forget(socket: Socket): void {
    this.open.delete(socket)
    this.idle.delete(socket)
  }

  private change(socket: Socket, by: 1 | -1): void {
    const before = this.open.get(socket)
    if (before === undefined) return
    this.open.set(socket, before + by)
    if (before + by === 0) this.idle.add(socket)
    else this.idle.delete(socket)
  }
}

/** Of a TLS connection the TCP connection below it, which is there before the handshake. */
function carrierOf(socket: Socket): Socket {
  const { _parent: below } = socket as Socket & { readonly _parent?: Socket | null }
  return 'encrypted' in socket && below != null ? below : socket
}
