import { Pool } from 'undici'
import { guardedConnector } from '../native/index.js'
import { gateFault } from './error-table.js'
import type { GateLimits } from './limits.js'

/** One origin that requests are sent to, with its connections. */
export interface Upstream {
  /** Scheme, host and port, as `URL.origin` writes them. */
  readonly origin: string
  readonly pool: Pool
}

export interface UpstreamTls {
  /** PEM of a further CA, for upstreams with certificates of the operator's own. Verification itself can't be turned off. */
  readonly ca?: string
}

/**
 * The connections to all upstreams, one pool for each origin and dial rule. A pool outlives the policy that
 * opened it, so that a hot reload doesn't cut requests; all end with the gate.
 */
export class Upstreams {
  private readonly pools = new Map<string, Upstream>()
  private readonly limits: GateLimits
  private readonly tls: UpstreamTls

  constructor(limits: GateLimits, tls: UpstreamTls) {
    this.limits = limits
    this.tls = tls
  }

  /** The upstream behind an origin. Throws `upstream_unknown` for what isn't an origin, and for plain HTTP unless the policy names a private upstream. */
  to(text: string, privateUpstream: boolean): Upstream {
    const origin = originOf(text)
    if (!origin.startsWith('https:') && !privateUpstream) throw gateFault('upstream_unknown', 'HTTPS only')
    const key = `${privateUpstream ? 'private' : 'public'} ${origin}`
    const known = this.pools.get(key)
    if (known !== undefined) return known
    const upstream = { origin, pool: this.open(origin, privateUpstream) }
    this.pools.set(key, upstream)
    return upstream
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.pools.values()].map(({ pool }) => pool.destroy()))
  }

  private open(origin: string, allowPrivate: boolean): Pool {
    return new Pool(origin, {
      connect: guardedConnector({
        allowPrivate,
        connectTimeoutMs: this.limits.connectMs,
        ...(this.tls.ca === undefined ? {} : { ca: this.tls.ca }),
      }),
      connections: this.limits.maxUpstreamConnections,
      // One request at a time on a connection: undici repeats queued requests of a broken pipeline, and a
      // request must be sent at most once.
      pipelining: 1,
      allowH2: false,
      headersTimeout: this.limits.upstreamMs,
      bodyTimeout: this.limits.upstreamMs,
      maxHeaderSize: 65_536,
      strictContentLength: true,
    })
  }
}

function originOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '')
    throw gateFault('upstream_unknown', 'not an http or https origin')
  return url.origin
}
