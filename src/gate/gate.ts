import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { CountersignError } from '../canon/index.js'
import type { PolicyView } from '../link/index.js'
import { answerRefusal } from './answer.js'
import { openRouting, type Routing } from './api.js'
import type { GateContext } from './context.js'
import { Cuts } from './cuts.js'
import { gateFault } from './error-table.js'
import type { Entrance, Exchange } from './exchange.js'
import { GrantShares } from './grant-shares.js'
import { InspectionRoom } from './inspection.js'
import type { KeeperPort } from './keeper-port.js'
import { DEFAULT_LIMITS, type GateLimits, PROBE_LIMITS } from './limits.js'
import { Listener, type ListenerTls } from './listener.js'
import { LongBodies } from './long-bodies.js'
import { Metrics } from './metrics.js'
import { Mounts } from './mount.js'
import { Outcomes } from './outcomes.js'
import { pass } from './pass.js'
import { podToken } from './pod-token.js'
import { answerNothing, answerProbe } from './probes.js'
import { refusalOfFault } from './refusal.js'
import { Upstreams, type UpstreamTls } from './upstream.js'
import { WaitingRoom } from './waiting-room.js'

/** How long a request whose policy went stale waits for the next one before it is classified again. */
const NEXT_POLICY_MS = 1_000

export interface GateOptions {
  /** The main listener, with all prefixes and the probes: `127.0.0.1:7070`, or `unix:/path`. */
  readonly listen: string
  /** A listener of its own for an API by name, without a prefix. */
  readonly ports?: Readonly<Record<string, string>>
  /** HTTPS with all prefixes, and at `ports` for an API by name, without one. */
  readonly tls?: ListenerTls & { readonly listen: string; readonly ports?: Readonly<Record<string, string>> }
  /** Path of a Unix socket with all prefixes. */
  readonly unix?: string
  /** Where the probes alone are served, on an address that isn't the agent's. */
  readonly probes?: string
  /** The pod's identity, for requests with `POD_GRANT` in a slot; nothing stands for that unless told. */
  readonly podTokenFile?: string
  readonly keeper: KeeperPort
  readonly limits?: Partial<GateLimits>
  readonly logger: Logger
  readonly upstreamTls?: UpstreamTls
}

/** Base URLs as they are listened on: `http://127.0.0.1:7070`, `https://…`, `unix:/path`. */
export interface GateAddresses {
  readonly main: string
  readonly ports: Readonly<Record<string, string>>
  readonly tls: string | null
  /** HTTPS listeners of one API each, by its name. */
  readonly tlsPorts: Readonly<Record<string, string>>
  readonly unix: string | null
}

export interface Gate {
  addresses(): GateAddresses
  /** Shows another certificate to the next connections. Throws `listen_failed` where it can't be used; the one before stays. */
  useCertificate(tls: ListenerTls): void
  /** Stops taking requests, lets open ones end within `closeMs`, and resolves when every outcome is with the keeper. */
  close(): Promise<void>
}

/**
 * Opens the gate's listeners. It serves the policy that the keeper announces, follows every change of it without
 * listening anew, and answers 503 while there is none. Throws `listen_invalid` or `listen_failed`.
 */
export async function startGate(options: GateOptions): Promise<Gate> {
  const gate = new RunningGate(options)
  try {
    await gate.open(options)
  } catch (error) {
    await gate.close()
    throw error
  }
  return gate
}

/** CONNECT is no probe either. */
function turnAway({ response }: Exchange): void {
  answerNothing(response)
}

class RunningGate implements Gate {
  private readonly context: GateContext
  private readonly upstreams: Upstreams
  private readonly listeners = new Map<string, Listener>()
  private readonly routingWaiters = new Set<() => void>()
  private readonly endPolicy: () => void
  private readonly endCuts: () => void
  private routing: Routing | null = null
  private mounts: Mounts | null = null
  private mounting: Promise<void> = Promise.resolve()
  private openRequests = 0
  private closing = false

  constructor(options: GateOptions) {
    const { keeper, logger } = options
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const transfers: GateContext['transfers'] = new Set()
    this.upstreams = new Upstreams(limits, options.upstreamTls ?? {})
    this.context = {
      keeper,
      limits,
      log: logger,
      metrics: new Metrics({
        openRequests: () => this.openRequests,
        waiting: () => this.context.waiting.size,
        policyInForce: () => keeper.policy() !== null,
        policyExpiresMs: () => keeper.policy()?.expiresMs ?? null,
        enrolmentExpiresMs: () => keeper.enrolmentExpiresMs(),
        shipping: () => keeper.shipping() ?? [],
        witnesses: () => keeper.witnesses(),
        fullCheck: () => keeper.fullCheck(),
      }),
      outcomes: new Outcomes(keeper, logger),
      podToken: options.podTokenFile === undefined ? () => null : podToken(options.podTokenFile),
      transfers,
      cuts: new Cuts(transfers),
      inspection: new InspectionRoom(limits),
      shares: new GrantShares(limits.maxOpenPerGrant),
      longBodies: new LongBodies(),
      waiting: new WaitingRoom(limits),
      routing: () => this.routing,
      routingAfter: stale => this.routingAfter(stale),
    }
    this.endPolicy = keeper.onPolicy(view => this.follow(view))
    this.endCuts = keeper.onCut(({ attempts, because }) => this.context.cuts.cut(attempts, { because }))
  }

  async open(options: GateOptions): Promise<void> {
    await this.remount([])
    this.follow(options.keeper.policy())
    await this.listen('main', { kind: 'main', api: null }, options.listen, null)
    for (const [api, address] of Object.entries(options.ports ?? {}))
      await this.listen(`port:${api}`, { kind: 'port', api }, address, null)
    const { tls } = options
    if (tls !== undefined) {
      await this.listen('tls', { kind: 'tls', api: null }, tls.listen, tls)
      for (const [api, address] of Object.entries(tls.ports ?? {}))
        await this.listen(`tls-port:${api}`, { kind: 'port', api }, address, tls)
    }
    if (options.unix !== undefined)
      await this.listen('unix', { kind: 'unix', api: null }, `unix:${options.unix}`, null)
    if (options.probes !== undefined)
      await this.listen('probes', { kind: 'probes', api: null }, options.probes, null)
  }

  addresses(): GateAddresses {
    const url = (door: string): string | null => this.listeners.get(door)?.url ?? null
    const ports = (kind: string) =>
      Object.fromEntries(
        [...this.listeners]
          .filter(([door]) => door.startsWith(kind))
          .map(([door, { url }]) => [door.slice(kind.length), url]),
      )
    return {
      main: url('main') ?? '',
      ports: ports('port:'),
      tls: url('tls'),
      tlsPorts: ports('tls-port:'),
      unix: url('unix'),
    }
  }

  useCertificate(tls: ListenerTls): void {
    try {
      for (const [door, listener] of this.listeners) if (door.startsWith('tls')) listener.useCertificate(tls)
    } catch (error) {
      throw gateFault('listen_failed', `TLS: ${(error as NodeJS.ErrnoException).code ?? 'error'}`)
    }
  }

  async close(): Promise<void> {
    this.closing = true
    this.endPolicy()
    this.context.waiting.close()
    const closed = Promise.all([...this.listeners.values()].map(listener => listener.close()))
    await Promise.race([closed, elapsed(this.context.limits.closeMs)])
    for (const transfer of this.context.transfers) transfer.cut()
    await Promise.all([...this.context.transfers].map(transfer => transfer.done))
    this.endCuts()
    await this.context.outcomes.drained()
    for (const listener of this.listeners.values()) listener.cut()
    await closed
    await this.upstreams.destroy()
    await this.mounting
    await this.mounts?.close()
  }

  private async listen(
    door: string,
    entrance: Entrance,
    address: string,
    tls: ListenerTls | null,
  ): Promise<void> {
    const listener = await Listener.open({
      entrance,
      address,
      tls,
      limits: { ...this.context.limits, ...(entrance.kind === 'probes' ? PROBE_LIMITS : {}) },
      onExchange: entrance.kind === 'probes' ? turnAway : exchange => this.take(exchange),
      onProbe: this.probesOf(entrance),
      onMalformed: () => this.context.metrics.malformedConnection(),
      onCrowded: () => {
        this.context.metrics.crowded()
        this.context.log.warn({ code: 'connections_crowded', door }, 'a connection was closed to make room')
      },
      onError: error => this.context.log.error({ door, err: error }, 'a connection was not taken'),
    })
    this.listeners.set(door, listener)
    this.context.log.info({ door, address: listener.url }, 'listening')
  }

  private probesOf({ kind }: Entrance): (request: IncomingMessage, response: ServerResponse) => boolean {
    switch (kind) {
      case 'main':
        return this.probe
      case 'probes':
        // INVARIANT: no exchange begins at this door.
        return (request, response) => this.probe(request, response) || answerNothing(response)
      default:
        return () => false
    }
  }

  private readonly probe = (request: IncomingMessage, response: ServerResponse): boolean =>
    answerProbe(request, response, this.context.metrics, () => this.routing !== null && !this.closing)

  private take(exchange: Exchange): void {
    exchange.response.on('error', ignore)
    const code = this.closing ? 'gate_closing' : this.isBusy() ? 'gate_busy' : null
    if (code === null) {
      this.mounts?.route(exchange, this.routing?.apis.has(exchange.api) ?? false)
      return
    }
    const dialect = this.routing?.apis.get(exchange.api)?.catalog.profile.dialect ?? 'rest'
    answerRefusal(exchange, dialect, refusalOfFault(code, 'nothing', null), null)
  }

  private isBusy(): boolean {
    return this.openRequests >= this.context.limits.maxOpenRequests
  }

  private readonly pass = (exchange: Exchange): void => {
    this.openRequests++
    void pass(this.context, exchange).then(() => {
      this.openRequests--
    })
  }

  /** Serves another policy, or none. A policy that this build can't open is not served, and none is. */
  private follow(view: PolicyView | null): void {
    const before = this.routing
    // Without a policy, what it ordered before stands as long as it is there.
    if (!this.context.keeper.connected()) this.context.cuts.forget()
    try {
      this.routing = view === null ? null : openRouting(view, this.upstreams)
    } catch (error) {
      const code = error instanceof CountersignError ? error.code : 'gate_fault'
      this.context.log.error({ policy: view?.cid ?? null, code, err: error }, 'policy cannot be served')
      this.routing = null
    }
    for (const wake of this.routingWaiters) wake()
    const names = [...(this.routing?.apis.keys() ?? [])]
    if (this.routing !== null && !sameNames(names, before))
      this.mounting = this.mounting.then(() => this.remount(names))
  }

  /** The routing table already answers for the new APIs; only the plugin that carries their requests is replaced. */
  private async remount(names: readonly string[]): Promise<void> {
    try {
      const next = await Mounts.of(names, this.pass)
      const previous = this.mounts
      this.mounts = next
      await previous?.close()
    } catch (error) {
      // The mounts before still carry every request: the routing table alone says what is served.
      this.context.log.error({ err: error }, 'APIs not mounted anew')
    }
  }

  private routingAfter(stale: Routing): Promise<void> {
    if (this.routing !== stale) return Promise.resolve()
    return new Promise(resolve => {
      const wake = (): void => {
        clearTimeout(timer)
        this.routingWaiters.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, NEXT_POLICY_MS)
      this.routingWaiters.add(wake)
    })
  }
}

function sameNames(names: readonly string[], routing: Routing | null): boolean {
  return routing !== null && names.length === routing.apis.size && names.every(name => routing.apis.has(name))
}

function elapsed(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref()
  })
}

/** An agent that breaks off is an event of its exchange, not a fault. */
function ignore(): void {}
