import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Holds at most so many connections, and makes room for the next one instead of turning it away: the oldest goes of the
 * address that has most. ATTACK: an agent, or any pod that reaches the port, holds connections so that the kubelet's
 * probes get none, and the kubelet ends the container. So it can only push out its own.
 */
export function keepRoom(server: Server, most: number): void {
  const bySource = new Map<string, Set<Socket>>()
  let count = 0
  const drop = (source: string, socket: Socket): void => {
    const theirs = bySource.get(source)
    if (theirs?.delete(socket) !== true) return
    count--
    if (theirs.size === 0) bySource.delete(source)
  }
  server.on('connection', (socket: Socket) => {
    const source = socket.remoteAddress ?? ''
    const theirs = bySource.get(source) ?? new Set()
    bySource.set(source, theirs.add(socket))
    count++
    socket.once('close', () => drop(source, socket))
    if (count <= most) return
    const [crowd, sockets] = largest(bySource)
    const [oldest] = sockets
    if (oldest === undefined) return
    drop(crowd, oldest)
    oldest.destroy()
  })
}

/** Where several have as many, the one that came first. */
function largest(bySource: ReadonlyMap<string, ReadonlySet<Socket>>): readonly [string, ReadonlySet<Socket>] {
  let found: readonly [string, ReadonlySet<Socket>] = ['', new Set()]
  for (const each of bySource) if (each[1].size > found[1].size) found = each
  return found
}
