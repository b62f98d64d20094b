import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Answers that aren't sent to their end yet, by the connection that they go to.
 *
 * ATTACK: requests behind another on one connection that is then closed. Node tells the answer that the connection
 * carries, and not those in line behind it: they would wait for ever for an agent that has gone, each in its place.
 */
export class OpenAnswers {
  private readonly byConnection = new Map<Socket, Set<ServerResponse>>()
  /** Connections whose last answer is behind them, and that are about to end. */
  private readonly ended = new WeakSet<Socket>()

  /** Every answer of this server, from here on. */
  follow(server: Server): void {
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (request: IncomingMessage, response: ServerResponse) => {
        const answers = this.of(request.socket)
        answers.add(response)
        response.once('close', () => {
          answers.delete(response)
          if (!response.shouldKeepAlive) this.ended.add(request.socket)
        })
      })
  }

  *[Symbol.iterator](): Iterator<ServerResponse> {
    for (const answers of this.byConnection.values()) yield* answers
  }

  /** True where nothing is owed to a connection's agent but, at most, the answer to a request that is still arriving. */
  isFree(socket: Socket): boolean {
    const [first, second] = this.byConnection.get(socket) ?? []
    const isOwed = first !== undefined && (first.headersSent || first.req.complete)
    return second === undefined && !isOwed && !this.ended.has(socket)
  }

  /** False where an answer says, or has said, that the connection ends with it. */
  hasMore(socket: Socket): boolean {
    const answers = [...(this.byConnection.get(socket) ?? [])]
    return !this.ended.has(socket) && answers.every(answer => answer.shouldKeepAlive || !answer.headersSent)
  }

  private of(socket: Socket): Set<ServerResponse> {
    const known = this.byConnection.get(socket)
    if (known !== undefined) return known
    const answers = new Set<ServerResponse>()
    this.byConnection.set(socket, answers)
    socket.once('close', () => {
      this.byConnection.delete(socket)
      for (const answer of answers) if (answer.socket === null) close(answer)
    })
    return answers
  }
}

/** What Node does for the one that has the connection. */
function close(answer: ServerResponse): void {
  answer.destroy()
  answer.emit('close')
}
