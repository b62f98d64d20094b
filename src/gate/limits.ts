/** Bounds of one gate. Every wait and every buffer that an agent or an upstream can cause has one, here or beside what waits. */
export interface GateLimits {
  /** Largest body that is read whole for classification; a catalog's own smaller bound wins. */
  readonly maxInspectBytes: number
  /** Bytes of all bodies under inspection together; a request that finds no room is answered 503. */
  readonly maxInspectingBytes: number
  /** The same of one grant, so that others find room. */
  readonly maxInspectingBytesPerGrant: number
  /** Bodies that are still arriving to be inspected; for a further one the longest of them is given up. */
  readonly maxArriving: number
  /** An inspected body must be complete by then. */
  readonly inspectedBodyMs: number
  /** A whole request, a streamed upload included, must have arrived by then. */
  readonly requestMs: number
  readonly headersMs: number
  readonly keepAliveMs: number
  readonly maxHeaderBytes: number
  /** Connections per listener; a further one takes the place of the one that has been idle for longest. */
  readonly maxConnections: number
  /** Requests between arrival and answer; further ones are answered 503. */
  readonly maxOpenRequests: number
  /** The same of one grant, so that others find a place. */
  readonly maxOpenPerGrant: number
  /** Held requests that wait for people, of one agent and in all; further ones are refused at once. */
  readonly maxWaitingPerAgent: number
  readonly maxWaiting: number
  readonly connectMs: number
  /** From the end of the request to the upstream's headers, and between two parts of its body. */
  readonly upstreamMs: number
  /** To one origin: as many as there are open requests, so that none waits for another's. */
  readonly maxUpstreamConnections: number
  /** How much of an answer is still read for the receipt after the agent has left. */
  readonly drainBytes: number
  readonly drainMs: number
  /** How long `close` waits for open requests before it cuts them. */
  readonly closeMs: number
}

/** The kubelet asks over a connection of its own each time, and scrapers come seldom. */
export const PROBE_LIMITS: Partial<GateLimits> = {
  maxConnections: 64,
  maxHeaderBytes: 8_192,
  headersMs: 1_000,
  requestMs: 2_000,
  keepAliveMs: 1_000,
  upstreamMs: 1_000,
}

export const DEFAULT_LIMITS: GateLimits = {
  maxInspectBytes: 1_048_576,
  maxInspectingBytes: 167_772_160,
  maxInspectingBytesPerGrant: 83_886_080,
  maxArriving: 512,
  inspectedBodyMs: 30_000,
  requestMs: 3_600_000,
  headersMs: 10_000,
  keepAliveMs: 65_000,
  maxHeaderBytes: 16_384,
  maxConnections: 4_096,
  maxOpenRequests: 1_024,
  maxOpenPerGrant: 512,
  maxWaitingPerAgent: 16,
  maxWaiting: 128,
  connectMs: 10_000,
  upstreamMs: 60_000,
  maxUpstreamConnections: 1_024,
  drainBytes: 1_048_576,
  drainMs: 10_000,
  closeMs: 10_000,
}
