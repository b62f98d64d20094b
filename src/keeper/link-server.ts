import { chmod, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { CountersignError } from '../canon/index.js'
import {
  type AdmitReply,
  type AdmitRequest,
  Channel,
  encodeMessage,
  type FullCheckReading,
  fromGate,
  type GateMessage,
  type KeeperMessage,
  linkFault,
  MAX_CUT,
  type PolicyView,
  type SettleReply,
  type SettleRequest,
  type SinkReading,
  type WatchReply,
  type WatchRequest,
  type WitnessReading,
} from '../link/index.js'
import { makeFolder } from '../native/index.js'
import { keeperFault } from './error-table.js'

/** One connection of a gate: what it opened is its own, and ends with it. */
export interface GateConnection {
  /** UUID that the gate gave itself. */
  readonly gate: string
}

/** The use cases behind the socket. A rejection is answered as a fault; its detail stays here. */
export interface LinkHandlers {
  admit(request: AdmitRequest, from: GateConnection): Promise<AdmitReply>
  settle(request: SettleRequest, from: GateConnection): Promise<SettleReply>
  watch(request: WatchRequest, from: GateConnection): Promise<WatchReply>
  /** The connection has ended, whatever the reason; `fault` is what the other side did wrong, if anything. */
  gateGone(from: GateConnection, fault: CountersignError | null): void
  /** A call failed with something that isn't a fault of the link. */
  failed(error: unknown): void
}

export interface LinkServerOptions {
  readonly socketPath: string
  /** Mode of the socket; 0o660 unless told. Its folder is made with 0o750. */
  readonly mode?: number
  readonly handlers: LinkHandlers
  /** For the welcome. */
  readonly chain: string
  readonly policy: PolicyView | null
  readonly enrolmentExpiresMs: () => number
  /** Unanswered calls of one connection before its socket is no longer read; 4,096 unless told. */
  readonly maxOpenCalls?: number
  /** Bytes of one connection's unanswered calls before its socket is no longer read; 32 MiB unless told. */
  readonly maxOpenBytes?: number
  /** Connections at once; a further one is closed. 8 unless told: one gate, its successor, and room to look. */
  readonly maxGates?: number
  /** Unread replies of one connection before its socket is no longer read; 8 MiB unless told. */
  readonly maxUnsentBytes?: number
  /** A connection must say hello, and go on with any frame it began, by then; 5,000 unless told. */
  readonly frameTimeoutMs?: number
}

export interface CutAttempt {
  readonly seq: number
  readonly from: GateConnection
}

export interface LinkServer {
  readonly gates: number
  /** Sends the policy to every gate, and to those that connect later. */
  announce(policy: PolicyView | null): void
  /** Sends every gate how far the ledger's copies are, where that changed, and to those that connect later. */
  announceShipping(sinks: readonly SinkReading[]): void
  /** The same for what witnesses have cosigned. */
  announceWitnesses(reading: WitnessReading): void
  /** The same for how far the reading of the whole ledger is. */
  announceFullCheck(reading: FullCheckReading): void
  /** Greets every gate again, where what a welcome says beside the policy has changed. */
  greetAgain(): void
  /** Tells each gate which of its attempts to end. */
  cut(attempts: readonly CutAttempt[], because: string | null): void
  /** Takes no more connections and no more admits; `settle` still works. */
  drain(): void
  /** Resolves when no call is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Listens for gates. Throws `socket_in_use` where another keeper answers there, and `socket_blocked` where the path is taken by something else. */
export async function listenForGates(options: LinkServerOptions): Promise<LinkServer> {
  await makeFolder(dirname(options.socketPath), 0o750)
  await removeStaleSocket(options.socketPath)
  const gates = new GateListener(options)
  await gates.listen()
  await chmod(options.socketPath, options.mode ?? 0o660)
  return gates
}

/** Removes a socket that a killed keeper left behind, and nothing else. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found === null) return
  if (!found.isSocket()) throw keeperFault('socket_blocked', path)
  if (await answers(path)) throw keeperFault('socket_in_use', path)
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Only a refusal says that nobody listens: one who is too busy to take another connection is alive.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}

class GateListener implements LinkServer {
  private readonly options: LinkServerOptions
  private readonly server: Server
  private readonly connections = new Set<Connection>()
  private policy: PolicyView | null
  private shipping: Buffer | null = null
  private witnesses: Buffer | null = null
  private fullCheck: Buffer | null = null
  private draining = false
  private callsUnderWay = 0
  private readonly idlers: (() => void)[] = []

  constructor(options: LinkServerOptions) {
    this.options = options
    this.policy = options.policy
    this.server = createServer(socket => this.accept(socket))
    // ATTACK: each connection may hold half a frame, so that a thousand of them hold gigabytes.
    this.server.maxConnections = options.maxGates ?? 8
  }

  get gates(): number {
    return [...this.connections].filter(connection => connection.greeted).length
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(this.options.socketPath, () => {
        this.server.off('error', reject)
        // A connection that can't be taken is no reason to end.
        this.server.on('error', error => this.options.handlers.failed(error))
        resolve()
      })
    })
  }

  announce(policy: PolicyView | null): void {
    this.policy = policy
    const frame = encodeMessage({ type: 'policy', policy })
    for (const connection of this.connections) if (connection.greeted) connection.channel.sendEncoded(frame)
  }

  announceShipping(sinks: readonly SinkReading[]): void {
    const frame = encodeMessage({ type: 'shipping', sinks })
    if (this.shipping !== null && frame.equals(this.shipping)) return
    this.shipping = frame
    for (const connection of this.connections) if (connection.greeted) connection.channel.sendEncoded(frame)
  }

  announceWitnesses(reading: WitnessReading): void {
    const frame = encodeMessage({ type: 'witnesses', reading })
    if (this.witnesses !== null && frame.equals(this.witnesses)) return
    this.witnesses = frame
    for (const connection of this.connections) if (connection.greeted) connection.channel.sendEncoded(frame)
  }

  announceFullCheck(reading: FullCheckReading): void {
    const frame = encodeMessage({ type: 'full-check', reading })
    if (this.fullCheck !== null && frame.equals(this.fullCheck)) return
    this.fullCheck = frame
    for (const connection of this.connections) if (connection.greeted) connection.channel.sendEncoded(frame)
  }

  greetAgain(): void {
    const frame = encodeMessage(this.welcome())
    for (const connection of this.connections) if (connection.greeted) connection.channel.sendEncoded(frame)
  }

  cut(attempts: readonly CutAttempt[], because: string | null): void {
    for (const connection of this.connections) {
      const own = attempts.filter(({ from }) => connection.is(from)).map(({ seq }) => seq)
      for (let at = 0; at < own.length; at += MAX_CUT)
        connection.channel.send({ type: 'cut', attempts: own.slice(at, at + MAX_CUT), because })
    }
  }

  drain(): void {
    this.draining = true
    this.server.close()
  }

  idle(): Promise<void> {
    return this.callsUnderWay === 0 ? Promise.resolve() : new Promise(resolve => this.idlers.push(resolve))
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.server.close(() => resolve()))
    for (const connection of this.connections) connection.channel.close()
    await closed
  }

  private changeUnderWay(calls: 1 | -1): void {
    this.callsUnderWay += calls
    if (this.callsUnderWay === 0) for (const wake of this.idlers.splice(0)) wake()
  }

  private welcome(): KeeperMessage {
    const { chain, enrolmentExpiresMs } = this.options
    return { type: 'welcome', origin: chain, policy: this.policy, enrolmentExpiresMs: enrolmentExpiresMs() }
  }

  private accept(socket: Socket): void {
    const connection = new Connection(socket, this.options, {
      welcome: () => this.welcome(),
      readings: () => [this.shipping, this.witnesses, this.fullCheck].filter(frame => frame !== null),
      draining: () => this.draining,
      underWay: calls => this.changeUnderWay(calls),
      gone: () => this.connections.delete(connection),
    })
    this.connections.add(connection)
  }
}

interface ConnectionEvents {
  welcome(): KeeperMessage
  /** The last announcements as frames. */
  readings(): readonly Buffer[]
  draining(): boolean
  underWay(calls: 1 | -1): void
  gone(): void
}

class Connection {
  readonly channel: Channel<GateMessage, KeeperMessage>
  private readonly options: LinkServerOptions
  private readonly events: ConnectionEvents
  private readonly maxOpenCalls: number
  private readonly maxOpenBytes: number
  private readonly maxUnsentBytes: number
  private readonly helloTimer: NodeJS.Timeout
  private from: GateConnection | undefined
  private openCalls = 0
  private openBytes = 0
  private paused = false

  constructor(socket: Socket, options: LinkServerOptions, events: ConnectionEvents) {
    this.options = options
    this.events = events
    this.maxOpenCalls = options.maxOpenCalls ?? 4_096
    this.maxOpenBytes = options.maxOpenBytes ?? 32 * 1024 * 1024
    this.maxUnsentBytes = options.maxUnsentBytes ?? 8 * 1024 * 1024
    const frameTimeoutMs = options.frameTimeoutMs ?? 5_000
    this.channel = new Channel<GateMessage, KeeperMessage>(
      socket,
      fromGate,
      { onMessage: (message, bytes) => this.receive(message, bytes), onClose: fault => this.close(fault) },
      { frameTimeoutMs },
    )
    this.helloTimer = setTimeout(() => this.fail(linkFault('hello_expected')), frameTimeoutMs)
    socket.on('drain', () => this.read())
  }

  get greeted(): boolean {
    return this.from !== undefined
  }

  is(from: GateConnection): boolean {
    return this.from === from
  }

  private receive(message: GateMessage, bytes: number): void {
    if (message.type === 'hello') this.greet(message.gate)
    else if (this.from === undefined) this.fail(linkFault('hello_expected'))
    else if (message.type === 'settle')
      this.answer(message.call, bytes, this.options.handlers.settle(message, this.from))
    else if (this.events.draining()) this.turnAway(message.call)
    else if (message.type === 'watch')
      this.answer(message.call, bytes, this.options.handlers.watch(message, this.from))
    else this.answer(message.call, bytes, this.options.handlers.admit(message, this.from))
  }

  private greet(gate: string): void {
    if (this.from !== undefined) {
      this.fail(linkFault('frame_malformed', 'a second hello'))
      return
    }
    clearTimeout(this.helloTimer)
    this.from = { gate }
    this.channel.send(this.events.welcome())
    for (const frame of this.events.readings()) this.channel.sendEncoded(frame)
  }

  private async answer(
    call: number,
    bytes: number,
    reply: Promise<AdmitReply | SettleReply | WatchReply>,
  ): Promise<void> {
    this.openCalls++
    this.openBytes += bytes
    this.events.underWay(1)
    this.read()
    try {
      this.channel.send(await reply)
    } catch (error) {
      this.options.handlers.failed(error)
      this.refuse(call, 'keeper_fault')
    }
    this.openCalls--
    this.openBytes -= bytes
    this.events.underWay(-1)
    this.read()
  }

  private turnAway(call: number): void {
    this.refuse(call, 'keeper_stopping')
    this.read()
  }

  private refuse(call: number | null, code: string): void {
    this.channel.send({ type: 'fault', call, code })
  }

  /** ATTACK: a gate that floods, or that never reads its replies, is no longer read itself. */
  private read(): void {
    const full =
      this.openCalls >= this.maxOpenCalls ||
      this.openBytes >= this.maxOpenBytes ||
      this.channel.unsentBytes > this.maxUnsentBytes
    if (full === this.paused) return
    this.paused = full
    if (full) this.channel.pause()
    else this.channel.resume()
  }

  private fail(fault: CountersignError): void {
    this.refuse(null, fault.code)
    this.channel.fail(fault)
  }

  private close(fault: CountersignError | null): void {
    clearTimeout(this.helloTimer)
    this.events.gone()
    if (this.from !== undefined) this.options.handlers.gateGone(this.from, fault)
    else if (fault !== null) this.options.handlers.failed(fault)
  }
}
