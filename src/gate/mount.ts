import type { IncomingMessage, ServerResponse } from 'node:http'
import httpProxy from '@fastify/http-proxy'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Dispatcher } from 'undici'
import { SCHEMALESS } from '../native/index.js'
import type { Exchange } from './exchange.js'
import { METHODS } from './framing.js'

const EXCHANGE = Symbol('exchange')
type EdgeRequest = IncomingMessage & { [EXCHANGE]?: Exchange }

/** Routes nothing: the address of a request whose API isn't mounted. */
const NOWHERE = '/-'

/**
 * Nothing may go upstream by the proxy plugin's own way (`reply.from`), which verifies no certificate, follows
 * what an agent wrote in the target and repeats requests.
 */
class NoWay extends Dispatcher {
  override dispatch(): boolean {
    throw new Error('requests leave through the gate’s own upstreams only')
  }

  override close(): Promise<void> {
    return Promise.resolve()
  }

  override destroy(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * The APIs of one policy, each mounted with @fastify/http-proxy in a scope of its own, whose handler hands over
 * to `pass`. The routers are shown the name of the API alone: they decode, normalise and refuse in ways of their
 * own, so that an agent's target goes round them, raw, in the exchange.
 */
export class Mounts {
  private readonly app: FastifyInstance

  private constructor(app: FastifyInstance) {
    this.app = app
  }

  static async of(apis: Iterable<string>, pass: (exchange: Exchange) => void): Promise<Mounts> {
    const app = Fastify({ logger: false, exposeHeadRoutes: false, schemaController: SCHEMALESS })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', leaveBody)
    const handOver = (request: FastifyRequest, reply: FastifyReply): void => {
      reply.hijack()
      pass((request.raw as EdgeRequest)[EXCHANGE] as Exchange)
    }
    // Where Fastify itself finds fault (a malformed Content-Type, an unknown method), the gate finds it again and
    // says so in the API's dialect, recorded.
    app.setNotFoundHandler(handOver)
    app.setErrorHandler((_error, request, reply) => handOver(request, reply))
    for (const api of apis) {
      app.register(httpProxy, {
        prefix: `/${api}`,
        upstream: 'https://upstream.invalid',
        undici: new NoWay(),
        httpMethods: [...METHODS],
        proxyPayloads: false,
        handler: handOver,
      })
    }
    await app.ready()
    return new Mounts(app)
  }

  /** Takes a request in; `mounted` says whether its API is one of these. */
  route(exchange: Exchange, mounted: boolean): void {
    const request = exchange.request as EdgeRequest
    request[EXCHANGE] = exchange
    request.url = mounted ? `/${exchange.api}` : NOWHERE
    this.app.routing(request, exchange.response as ServerResponse)
  }

  async close(): Promise<void> {
    await this.app.close()
  }
}

/** The body stays in the request, unread, until the catalog says what to do with it. */
function leaveBody(_request: FastifyRequest, _payload: IncomingMessage, done: (error: null) => void): void {
  done(null)
}
