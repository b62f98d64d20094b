import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Opens a TCP connection to a base URL, writes the bytes as they are, and reads until the other side closes. */
export async function exchangeRaw(baseUrl: string, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = dial(baseUrl)
  socket.write(bytes)
  const parts: Buffer[] = []
  await new Promise<void>(resolve => {
    socket.on('data', part => parts.push(part as Buffer))
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
  })
  return parseAnswer(Buffer.concat(parts).toString('latin1'))
}

export function dial(baseUrl: string): Socket {
  if (baseUrl.startsWith('unix:')) return connect(baseUrl.slice('unix:'.length))
  const url = new URL(baseUrl)
  return connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''))
}

/** A connection from one of this machine's own addresses that says nothing, until the test ends. */
export async function holdConnection(t: TestContext, baseUrl: string, from: string): Promise<Socket> {
  const { hostname, port } = new URL(baseUrl)
  const socket = connect({ host: hostname, port: Number(port), localAddress: from })
  socket.on('error', () => undefined)
  t.after(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** One request whose answer ends with its connection. */
export function rawRequest(line: string, headers: readonly string[], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: gate.test', ...headers, 'Connection: close', '', body].join('\r\n')
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n')
  const head = end < 0 ? text : text.slice(0, end)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
  const rest = end < 0 ? '' : text.slice(end + 4)
  return { status, head, body: /transfer-encoding: chunked/i.test(head) ? dechunk(rest) : rest }
}

function dechunk(text: string): string {
  let out = ''
  let at = 0
  for (;;) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line < 0 || !(size > 0)) return out
    out += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
