import { connect, type Socket } from 'node:net'
import type { CountersignError } from '../canon/index.js'
import {
  type AdmitReply,
  type AdmitRequest,
  Channel,
  type CutOrder,
  checkSayable,
  encodeMessage,
  type FullCheckReading,
  fromKeeper,
  type GateMessage,
  type KeeperMessage,
  linkFault,
  type PolicyView,
  type SettleReply,
  type SettleRequest,
  type SinkReading,
  type WatchedChange,
  type WitnessReading,
} from '../link/index.js'
import type { AdmitCall, KeeperPort, SettleCall } from './keeper-port.js'
import { isBrief, type OpenCall, OpenCalls } from './open-calls.js'
import { Watches } from './watches.js'

export interface KeeperClientOptions {
  readonly socketPath: string
  /** UUID of this gate process. */
  readonly gate: string
  /** Called when the link is lost or refused, with the reason; null where the keeper merely closed it. Not for the end that `close` brings. */
  readonly onLost?: (fault: CountersignError | null) => void
  /** A call that is not answered by then is a `keeper_slow` fault; 10,000 unless told. */
  readonly callTimeoutMs?: number
  /** More calls than this at once are `link_busy`; 4,096 unless told. */
  readonly maxOpenCalls?: number
  /** More unanswered request bytes than this are `link_busy`; 160 MiB unless told, of which one grant has half. */
  readonly maxOpenBytes?: number
  /** First and longest pause before connecting again, doubled each time; 50 and 2,000 unless told. */
  readonly reconnectMs?: { readonly first: number; readonly longest: number }
}

/**
 * The gate's end of the link. Every call fails closed: whatever goes wrong is a rejection with one of
 * `keeper_gone keeper_slow keeper_fault keeper_stopping link_busy frame_too_large frame_malformed`, and nothing may be
 * forwarded then. An admission that arrives after its `keeper_slow` is settled here as `not_sent`.
 */
export interface KeeperClient extends KeeperPort {
  /** Resolves at the keeper's next welcome, at once while connected. */
  whenConnected(): Promise<void>
  /** Waits for open calls, at most their deadline, and disconnects for good. */
  close(): Promise<void>
}

/** Connects to the keeper's socket, and again whenever the link is lost, until closed. */
export function connectKeeper(options: KeeperClientOptions): KeeperClient {
  return new Link(options)
}

class Link implements KeeperClient {
  private welcomed = false
  private chain: string | null = null
  private enrolmentExpires: number | null = null
  private view: PolicyView | null = null
  private sinks: readonly SinkReading[] | null = null
  private cosigned: WitnessReading | null = null
  private checked: FullCheckReading | null = null
  private readonly listeners = new Set<(view: PolicyView | null) => void>()
  private readonly cutters = new Set<(order: CutOrder) => void>()
  private readonly options: KeeperClientOptions
  private readonly calls: OpenCalls
  private readonly watches = new Watches()
  private readonly waiters: (() => void)[] = []
  private readonly reconnect: { readonly first: number; readonly longest: number }
  private socket: Socket | undefined
  private channel: Channel<KeeperMessage, GateMessage> | undefined
  private nextCall = 1
  private backoffMs: number
  private reconnectTimer: NodeJS.Timeout | undefined
  private closing = false

  constructor(options: KeeperClientOptions) {
    this.options = options
    // Half of it has room for 64 bodies of a megabyte with all that their frames say besides.
    const maxBytes = options.maxOpenBytes ?? 160 * 1024 * 1024
    this.calls = new OpenCalls({
      timeoutMs: options.callTimeoutMs ?? 10_000,
      maxCalls: options.maxOpenCalls ?? 4_096,
      maxBytes,
      maxBytesEach: maxBytes / 2,
    })
    this.reconnect = options.reconnectMs ?? { first: 50, longest: 2_000 }
    this.backoffMs = this.reconnect.first
    this.open()
  }

  connected(): boolean {
    return this.welcomed
  }

  origin(): string | null {
    return this.chain
  }

  enrolmentExpiresMs(): number | null {
    return this.enrolmentExpires
  }

  policy(): PolicyView | null {
    return this.view
  }

  shipping(): readonly SinkReading[] | null {
    return this.sinks
  }

  witnesses(): WitnessReading | null {
    return this.cosigned
  }

  fullCheck(): FullCheckReading | null {
    return this.checked
  }

  onPolicy(listener: (view: PolicyView | null) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  onCut(listener: (order: CutOrder) => void): () => void {
    this.cutters.add(listener)
    return () => this.cutters.delete(listener)
  }

  admit(call: AdmitCall): Promise<AdmitReply> {
    return this.call<AdmitReply>('admitted', number => ({ type: 'admit', call: number, ...call }))
  }

  settle(call: SettleCall): Promise<SettleReply> {
    return this.call<SettleReply>('settled', number => ({ type: 'settle', call: number, ...call }))
  }

  /** Without a deadline: an approval ends by itself, and with it the call. */
  watch(approval: string): Promise<WatchedChange> {
    const underWay = this.watches.of(approval)
    if (underWay !== null) return underWay
    const channel = this.channel
    if (channel === undefined || !this.welcomed) return Promise.reject(linkFault('keeper_gone'))
    const call = this.nextCall++
    channel.send({ type: 'watch', call, approval })
    return this.watches.add(call, approval)
  }

  whenConnected(): Promise<void> {
    return this.welcomed ? Promise.resolve() : new Promise(resolve => this.waiters.push(resolve))
  }

  async close(): Promise<void> {
    this.closing = true
    clearTimeout(this.reconnectTimer)
    await this.calls.settled()
    this.channel?.close()
    this.socket?.destroy()
  }

  private call<R extends AdmitReply | SettleReply>(
    reply: R['type'],
    request: (call: number) => AdmitRequest | SettleRequest,
  ): Promise<R> {
    const channel = this.channel
    if (channel === undefined || !this.welcomed) return Promise.reject(linkFault('keeper_gone'))
    const number = this.nextCall++
    const message = request(number)
    let frame: Buffer
    try {
      if (message.type === 'admit') checkSayable(message)
      frame = encodeMessage(message)
    } catch (error) {
      return Promise.reject(error)
    }
    const { length: bytes } = frame
    const owner = message.type === 'admit' ? (message.presented?.token ?? '') : ''
    // ATTACK: a flood of requests while the outcomes of others come in, which would be lost. There are no more of them
    // than were admitted.
    if (message.type === 'admit' && !this.calls.roomFor(bytes, owner))
      return Promise.reject(linkFault('link_busy'))
    return new Promise<R>((resolve, reject) => {
      this.calls.add(number, { reply, owner, bytes, resolve: resolve as OpenCall['resolve'], reject })
      if (isBrief(bytes)) channel.sendEncoded(frame)
      else channel.sendBehind(frame)
    })
  }

  private open(): void {
    const socket = connect(this.options.socketPath)
    this.socket = socket
    const channel = new Channel<KeeperMessage, GateMessage>(socket, fromKeeper, {
      onMessage: message => this.receive(channel, message),
      onClose: fault => this.lose(channel, fault),
    })
    this.channel = channel
    channel.send({ type: 'hello', protocol: 1, gate: this.options.gate })
  }

  private receive(channel: Channel<KeeperMessage, GateMessage>, message: KeeperMessage): void {
    switch (message.type) {
      case 'welcome':
        this.welcomed = true
        this.chain = message.origin
        this.enrolmentExpires = message.enrolmentExpiresMs
        this.backoffMs = this.reconnect.first
        this.setPolicy(message.policy)
        for (const wake of this.waiters.splice(0)) wake()
        return
      case 'policy':
        this.setPolicy(message.policy)
        return
      case 'shipping':
        this.sinks = message.sinks
        return
      case 'witnesses':
        this.cosigned = message.reading
        return
      case 'full-check':
        this.checked = message.reading
        return
      case 'admitted':
        if (!this.calls.resolve(message) && this.calls.isLate(message.call)) this.disown(message)
        return
      case 'settled':
        this.calls.resolve(message)
        return
      case 'cut':
        for (const cut of this.cutters) cut(message)
        return
      case 'watched':
        this.watches.tell(message)
        return
      case 'fault':
        if (message.call === null) channel.fail(linkFault('keeper_fault', message.code))
        else if (!this.watches.reject(message.call, faultOf(message.code)))
          this.calls.reject(message.call, faultOf(message.code))
        return
      default:
        message satisfies never
    }
  }

  /** An admission that nobody waits for any more: nothing was sent, and the keeper is told so. */
  private disown(reply: AdmitReply): void {
    if (reply.verdict.kind !== 'forward' || reply.receipt === null) return
    this.settle({
      attempt: reply.receipt.seq,
      status: 'not_sent',
      http: 0,
      upstreamId: null,
      bodySha256: null,
      responseSha256: null,
      responseBytes: 0,
      // Where even that fails, the keeper closes the attempt as indeterminate.
    }).catch(() => undefined)
  }

  private lose(channel: Channel<KeeperMessage, GateMessage>, fault: CountersignError | null): void {
    if (this.channel !== channel) return
    const wasConnected = this.welcomed
    this.channel = undefined
    this.welcomed = false
    this.sinks = null
    this.cosigned = null
    this.checked = null
    this.calls.rejectAll(linkFault('keeper_gone'))
    this.watches.rejectAll()
    if (wasConnected) this.setPolicy(null)
    if ((wasConnected && !this.closing) || fault !== null) this.options.onLost?.(fault)
    if (this.closing) return
    const pauseMs = this.backoffMs
    this.backoffMs = Math.min(pauseMs * 2, this.reconnect.longest)
    this.reconnectTimer = setTimeout(() => this.open(), pauseMs)
  }

  private setPolicy(policy: PolicyView | null): void {
    this.view = policy
    for (const listener of this.listeners) listener(policy)
  }
}

function faultOf(code: string): CountersignError {
  return code === 'keeper_stopping' ? linkFault(code) : linkFault('keeper_fault', code)
}
