import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { guardedSocket, type LookupAll } from '../../native/index.js'
import { decodeEntry } from '../../receipt/index.js'
import { exchangeFault } from './exchange.js'
import type { Batch, Sink } from './sink.js'

export interface SyslogSinkOptions {
  readonly hostname: string
  readonly port: number
  readonly tls: boolean
  /** PEM of the authority that issued the server's certificate; replaces the system's. */
  readonly ca?: string
  readonly lookup?: LookupAll
  /** HOSTNAME of the messages. */
  readonly host: string
  /** RFC 5424 §6.2.1, 0 to 23. */
  readonly facility: number
  /** Private enterprise number in the SD-ID (RFC 5424 §6.3.2). */
  readonly enterprise: number
}

/** RFC 5424 §6.2.1: informational. */
const SEVERITY = 6

/**
 * Ships to a syslog server, a message per entry, RFC 5424 over TCP with octet counting (RFC 6587 §3.4.1) or over TLS
 * (RFC 5425). Nobody acknowledges anything: what the kernel took is gone when the connection breaks.
 */
export function syslogSink(options: SyslogSinkOptions): Sink {
  const { hostname, port, tls } = options
  const host = plain(options.host, 255)
  let socket: Socket | undefined

  async function connected(signal: AbortSignal): Promise<Socket> {
    if (socket?.writable === true) return socket
    const fresh = guardedSocket({ hostname, port, tls }, { allowPrivate: true, ...dialling(options) })
    socket = fresh
    // What the server says is not asked for; unread, it would fill the buffer and end nothing.
    fresh.resume()
    fresh.on('error', () => fresh.destroy())
    fresh.on('end', () => fresh.destroy())
    await once(fresh, tls ? 'secureConnect' : 'connect', { signal })
    fresh.setKeepAlive(true, 30_000)
    return fresh
  }

  return {
    kind: 'syslog',
    to: `${tls ? 'tls' : 'tcp'}://${hostname}:${port}`,
    acknowledges: false,
    send: async (batch, signal) => {
      try {
        const to = await connected(signal)
        await written(to, Buffer.concat([...messagesOf(batch, options, host)]), signal)
        return { kind: 'stored' }
      } catch (error) {
        socket?.destroy()
        socket = undefined
        throw exchangeFault(error)
      }
    },
    close: async () => {
      if (socket === undefined || socket.destroyed) return
      const ended = once(socket, 'close').catch(() => undefined)
      socket.end()
      // A server that keeps its side open is not waited for.
      const timer = setTimeout(() => socket?.destroy(), 1_000)
      await ended
      clearTimeout(timer)
    },
  }
}

function dialling({ ca, lookup }: SyslogSinkOptions) {
  return { ...(ca === undefined ? {} : { ca }), ...(lookup === undefined ? {} : { lookup }) }
}

function written(socket: Socket, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    const aborted = () => reject(new DOMException('aborted', 'AbortError'))
    socket.once('close', gone)
    signal.addEventListener('abort', aborted, { once: true })
    socket.write(bytes, error => {
      socket.off('close', gone)
      signal.removeEventListener('abort', aborted)
      if (error == null) resolve()
      else reject(error)
    })
  })
}

/**
 *     <110>1 2026-11-28T17:04:00.123Z edge-1 countersign - attempt [countersign@32473 chain="…" seq="12" leaf="…"] {"payload":…}
 *
 * each behind its length and a space. Behind the last entry that it covers goes the checkpoint, in base64.
 */
function* messagesOf(
  { chain, first, entries, checkpoint }: Batch,
  { facility, enterprise }: SyslogSinkOptions,
  host: string,
): Generator<Uint8Array> {
  const message = (t: number, id: string, facts: Readonly<Record<string, string>>, text: Uint8Array) => {
    const data = Object.entries(facts).map(([name, value]) => ` ${name}="${value}"`)
    const head = Buffer.from(
      `<${facility * 8 + SEVERITY}>1 ${new Date(t).toISOString()} ${host} countersign - ${id} [countersign@${enterprise}${data.join('')}] `,
    )
    return Buffer.concat([Buffer.from(`${head.length + text.length} `), head, text])
  }
  let t = 0
  for (const [place, bytes] of entries.entries()) {
    const entry = decodeEntry(bytes)
    t = entry.t
    const leaf = createHash('sha256').update(Buffer.of(0)).update(bytes).digest('hex')
    yield message(t, entry.type, { chain, seq: String(first + place), leaf }, bytes)
  }
  if (first + entries.length === checkpoint.size) {
    const note = Buffer.from(Buffer.from(checkpoint.note).toString('base64'))
    yield message(t, 'checkpoint', { chain, size: String(checkpoint.size) }, note)
  }
}

/** RFC 5424 §6: printable ASCII without spaces, or the nil value. */
function plain(text: string, most: number): string {
  const kept = text.replace(/[^\x21-\x7e]/g, '').slice(0, most)
  return kept === '' ? '-' : kept
}
