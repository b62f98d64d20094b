import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from './metrics.js'

/**
 * `/livez`, `/readyz` and `/metrics`, matched by the exact raw target; true where the request was one of them.
 * `isReady`: the keeper is connected, a policy is in force, and the gate isn't stopping.
 */
export function answerProbe(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: Metrics,
  isReady: () => boolean,
): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  switch (request.url) {
    case '/livez':
      plain(response, 200, 'live\n')
      return true
    case '/readyz':
      if (isReady()) plain(response, 200, 'ready\n')
      else plain(response, 503, 'not ready\n')
      return true
    case '/metrics':
      void metrics.registry.metrics().then(
        text => plain(response, 200, text, metrics.registry.contentType),
        () => plain(response, 500, 'metrics failed\n'),
      )
      return true
    default:
      return false
  }
}

/** There is nothing else at a door for probes. */
export function answerNothing(response: ServerResponse): true {
  response.shouldKeepAlive = false
  plain(response, 404, 'not found\n')
  return true
}

function plain(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  // ATTACK: HEAD. A server that takes bodies strictly throws over one, and with it ends the gate.
  if (response.req.method === 'HEAD') response.end()
  else response.end(text)
}
