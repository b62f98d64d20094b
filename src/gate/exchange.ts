import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Header } from '../protocol/index.js'
import type { ReadBody } from './body.js'
import { headersOf } from './framing.js'

/** Where a request came in, and with that how the agent addresses the API. */
export interface Entrance {
  readonly kind: 'main' | 'tls' | 'unix' | 'port' | 'probes'
  /** The API of a port of its own; null where the first segment of the path names it. */
  readonly api: string | null
}

/** One request on its way through the gate. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** As it came, API prefix and all: what a client that signs has signed. The request's own is rewritten on its way. */
  readonly url: string
  /** Name of the API that the address says; empty where it names none. It may be one that the policy doesn't have. */
  readonly api: string
  /** The raw target, API prefix off; not yet checked. */
  readonly target: string
  /** What a path of the API begins with on this listener: `/railway`, or nothing. */
  readonly prefix: string
  readonly headers: readonly Header[]
  /** Set once the body was read whole, so that a second classification sees the same bytes. */
  body: ReadBody | null = null
  /** What was done of what the agent preferred: `wait=30` (RFC 7240 §3). */
  preferenceApplied: string | null = null
  private awaitsContinue: boolean

  /** `awaitsContinue`: the agent sent `Expect: 100-continue` and holds its body back. */
  constructor(
    entrance: Entrance,
    request: IncomingMessage,
    response: ServerResponse,
    awaitsContinue: boolean,
  ) {
    const url = request.url ?? ''
    const address = entrance.api === null ? splitPrefix(url) : { api: entrance.api, target: url, prefix: '' }
    this.request = request
    this.response = response
    this.url = url
    this.api = address.api
    this.target = address.target
    this.prefix = address.prefix
    this.headers = headersOf(request)
    this.awaitsContinue = awaitsContinue
  }

  get method(): string {
    return this.request.method ?? ''
  }

  /** True where the agent went away before its answer was complete. */
  get agentLeft(): boolean {
    return this.response.destroyed && !this.response.writableFinished
  }

  /** What the agent's own URLs for this API begin with, by the Host it asked for; null where that is no host. */
  baseUrl(): string | null {
    const host = this.request.headers.host ?? ''
    if (!/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(host)) return null
    const scheme = 'encrypted' in this.request.socket ? 'https' : 'http'
    return `${scheme}://${host}${this.prefix}`
  }

  /** Asks for the body, where the agent waits to be asked. Until then a refusal costs it no upload. */
  invite(): void {
    if (!this.awaitsContinue) return
    this.awaitsContinue = false
    this.response.writeContinue()
  }
}

const FIRST_SEGMENT = /^\/([a-z0-9-]{1,63})(?=[/?]|$)/

/**
 * Takes the first segment off, byte for byte: `/railway/graphql/v2` → `railway`, `/graphql/v2`; a bare
 * `/railway` means `/`. Anything else, an absolute form among it, names no API and keeps its whole target.
 */
function splitPrefix(url: string): { api: string; target: string; prefix: string } {
  const api = FIRST_SEGMENT.exec(url)?.[1]
  if (api === undefined) return { api: '', target: url, prefix: '' }
  const prefix = `/${api}`
  const rest = url.slice(prefix.length)
  return { api, target: rest.startsWith('/') ? rest : `/${rest}`, prefix }
}
