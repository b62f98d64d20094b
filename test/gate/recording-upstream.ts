import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** Whole up to 1 MiB, then only what the digest and the length say. */
  readonly body: Buffer
  readonly bodySha256: string
  readonly bodyBytes: number
}

export type Answer = (request: IncomingMessage, response: ServerResponse, received: ReceivedRequest) => void

/** A real HTTP server that remembers exactly what reached it. */
export class RecordingUpstream {
  readonly received: ReceivedRequest[] = []
  answer: Answer = (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}')
  }
  private readonly server: Server
  private readonly scheme: string

  private constructor(server: Server, scheme: string) {
    this.server = server
    this.scheme = scheme
  }

  static async start(tls?: { readonly key: string; readonly cert: string }): Promise<RecordingUpstream> {
    const server = tls === undefined ? createServer() : createTlsServer(tls)
    const upstream = new RecordingUpstream(server, tls === undefined ? 'http' : 'https')
    server.on('request', (request, response) => void upstream.take(request, response))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get origin(): string {
    return `${this.scheme}://127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise(resolve => this.server.close(resolve))
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash('sha256')
    const parts: Buffer[] = []
    let bodyBytes = 0
    try {
      for await (const part of request as AsyncIterable<Buffer>) {
        hash.update(part)
        bodyBytes += part.length
        if (bodyBytes <= 1_048_576) parts.push(part)
      }
    } catch {
      return // the gate broke off
    }
    const received = {
      method: request.method ?? '',
      url: request.url ?? '',
      rawHeaders: request.rawHeaders,
      headers: request.headers,
      body: Buffer.concat(parts),
      bodySha256: hash.digest('hex'),
      bodyBytes,
    }
    this.received.push(received)
    this.answer(request, response, received)
  }
}
