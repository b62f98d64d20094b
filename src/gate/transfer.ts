import type { Dispatcher } from 'undici'
import { CountersignError } from '../canon/index.js'
import type { AdmissionCode, BudgetReading, ReceiptAnchor } from '../link/index.js'
import type { Header } from '../protocol/index.js'
import { agentHeaders } from './agent-headers.js'
import { admission, anchorHeader, answerRefusal, endAnswer, endOrKeep } from './answer.js'
import type { GateApi } from './api.js'
import { BodyRefused } from './body-check.js'
import { budgetHeaders } from './budget-headers.js'
import type { GateContext } from './context.js'
import type { HaltReason } from './cuts.js'
import { RunningDigest } from './digest.js'
import { EchoGuard } from './echo.js'
import type { GateCode } from './error-table.js'
import type { Exchange } from './exchange.js'
import type { OutcomeStatus } from './outcomes.js'
import { type Executed, refusalOfFault, refusalOfHalt } from './refusal.js'
import { AgentLeft, type Upload } from './upload.js'
import type { Upstream } from './upstream.js'

/** Ended from this side: its agent is halted, the gate stops, or the answer is larger than what is drained for an agent that left. */
class Cut extends Error {}

/** ATTACK: each informational answer begins the wait for the real one anew, so that an upstream could hold a request for ever. */
const MAX_INFORMATIONAL = 16

export interface TransferOrder {
  readonly exchange: Exchange
  readonly api: GateApi
  readonly upstream: Upstream
  readonly receipt: ReceiptAnchor
  /** Why it was admitted. */
  readonly code: AdmissionCode
  readonly budgets: readonly BudgetReading[]
  readonly minted: readonly Header[]
  /** Null unless the request's body is streamed. */
  readonly upload: Upload | null
  /**
   * S3 hands an object out in the coding that it was stored in, whatever was asked for: bytes that are older than
   * the credential of this request, and so can't hold it. They are searched as they are.
   */
  readonly storesEncoding: boolean
  /** Hold the end of the answer back until the keeper has its mark. */
  readonly awaitMark: boolean
}

/**
 * One admitted request between upstream and agent: undici's handler for the one send it gets. It streams the
 * answer with back-pressure, keeps the credential out of it, and reports exactly one outcome however it ends.
 */
export class Transfer implements Dispatcher.DispatchHandler {
  /** Resolves when the agent has its answer and the keeper its outcome. */
  readonly done: Promise<void>
  private finish: () => void = () => {}
  private controller: Dispatcher.DispatchController | null = null
  private readonly context: GateContext
  private readonly order: TransferOrder
  private readonly guard: EchoGuard
  private readonly digest = new RunningDigest()
  private readonly dispatchedMs = performance.now()
  private informational = 0
  private http = 0
  private upstreamId: string | null = null
  /** Flat headers for the agent; null until the upstream answered, and for an answer that is withheld. */
  private head: string[] | null = null
  private withheld: GateCode | null = null
  /** Last part of the answer, while it waits for the mark or for the next part. */
  private held: Buffer | null = null
  private drainedBytes = 0
  private drainTimer: NodeJS.Timeout | undefined
  private cutOff = false
  private halted: HaltReason | null = null
  private settled: Promise<boolean> | null = null

  constructor(context: GateContext, order: TransferOrder) {
    this.context = context
    this.order = order
    this.guard = new EchoGuard(order.minted)
    this.done = new Promise(resolve => {
      this.finish = resolve
    })
    order.exchange.response.once('close', this.onAgentClosed)
  }

  /** Number of its receipt. */
  get attempt(): number {
    return this.order.receipt.seq
  }

  /** Ends it because its agent or task was halted; the agent reads why, unless its answer has begun. */
  halt(reason: HaltReason): void {
    this.halted ??= reason
    this.cut()
  }

  /** Ends it from this side. */
  cut(): void {
    this.cutOff = true
    this.controller?.abort(new Cut())
  }

  /** INVARIANT: before this call nothing was written to the upstream, and an abort here still prevents it. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.order.exchange.agentLeft || this.cutOff) {
      controller.abort(new AgentLeft())
      return
    }
    this.controller = controller
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      if (++this.informational > MAX_INFORMATIONAL) controller.abort(new Error('no answer'))
      return // the answer follows
    }
    const { exchange, api, upstream } = this.order
    this.http = status
    this.context.metrics.upstreamSeconds(api.name, performance.now() - this.dispatchedMs)
    const rules = {
      allowed: api.responseHeaders,
      upstreamOrigin: upstream.origin,
      exchange,
      hasLength: status !== 204,
      keepsEncoding: this.order.storesEncoding,
    }
    const picked = agentHeaders(controller.rawHeaders as readonly (Buffer | string)[], rules, this.guard)
    this.upstreamId = picked.upstreamId
    const bodyless = exchange.method === 'HEAD' || status === 204 || status === 304
    if (picked.echoed) this.withheld = 'credential_echoed'
    else if (picked.encoded && !bodyless) this.withheld = 'upstream_encoding'
    else this.head = picked.flat
  }

  onResponseData(controller: Dispatcher.DispatchController, part: Buffer): void {
    this.digest.update(part)
    if (this.order.exchange.agentLeft || this.withheld !== null) {
      this.drainedBytes += part.length
      if (this.drainedBytes > this.context.limits.drainBytes) controller.abort(new Cut())
      return
    }
    const masked = this.guard.push(part)
    if (masked.length > 0 && !this.write(masked)) {
      controller.pause()
      this.order.exchange.response.once('drain', this.onAgentDrained)
    }
  }

  onResponseEnd(): void {
    const settled = this.settle('completed')
    if (this.withheld !== null) this.refuse(this.withheld, 'yes')
    else if (this.order.awaitMark) settled.then(recorded => this.endMarked(recorded)).catch(this.onFault)
    else this.end()
    void settled.then(this.finish)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    // The length of a 304 is that of the answer that it stands for (RFC 9110 §8.6), and undici misses so many bytes.
    if (this.http === 304 && causeCode(error) === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
      this.onResponseEnd()
      return
    }
    const { status, code, executed } = this.causeOf(error)
    const settled = this.settle(status)
    this.context.log.warn({ api: this.order.api.name, code, cause: causeCode(error) }, 'upstream failed')
    if (this.withheld !== null) this.refuse(this.withheld, 'yes')
    else if (this.order.exchange.response.headersSent) this.order.exchange.response.destroy()
    else this.refuse(code, executed)
    void settled.then(this.finish)
  }

  /** The head is written with the first byte that may leave, so that a missing mark can still be answered. */
  private writeHead(): void {
    const { response, preferenceApplied } = this.order.exchange
    if (response.headersSent || response.destroyed || this.head === null) return
    // ATTACK: an answer before the end of an upload that nobody reads then. What comes behind it on the connection would wait.
    endOrKeep(this.order.exchange)
    if (preferenceApplied !== null) this.head.push('Preference-Applied', preferenceApplied)
    this.head.push('Countersign-Decision', admission(this.order.code))
    this.head.push('Countersign-Receipt', anchorHeader(this.context.keeper.origin(), this.order.receipt))
    this.head.push(...budgetHeaders(this.order.budgets))
    response.writeHead(this.http, this.head)
  }

  /** False where the agent doesn't keep up. One part stays behind while the end may have to wait for the mark. */
  private write(part: Buffer): boolean {
    const { response } = this.order.exchange
    const ready = this.order.awaitMark ? this.held : part
    if (this.order.awaitMark) this.held = part
    if (ready === null) return true
    this.writeHead()
    return response.write(ready)
  }

  private end(): void {
    const { response } = this.order.exchange
    const rest = this.guard.end()
    this.writeHead()
    if (this.held !== null) response.write(this.held)
    this.held = null
    if (rest !== null) response.write(rest)
    endAnswer(this.order.exchange)
    if (this.guard.masked > 0)
      this.context.log.error({ api: this.order.api.name }, 'credential echoed in a body, masked')
  }

  private endMarked(recorded: boolean): void {
    if (recorded) this.end()
    else if (this.order.exchange.response.headersSent) this.order.exchange.response.destroy()
    else this.refuse('mark_unconfirmed', 'yes')
  }

  private refuse(code: string, executed: Executed): void {
    const { exchange, api, receipt } = this.order
    const refusal =
      code === 'agent_halted'
        ? refusalOfHalt(this.halted?.because ?? null, executed, receipt)
        : refusalOfFault(code, executed, receipt)
    this.context.metrics.faulted(api.name, refusal.code)
    answerRefusal(exchange, api.catalog.profile.dialect, refusal, this.context.keeper.origin())
  }

  /** Which outcome an error is, and what the agent may conclude. */
  private causeOf(error: Error): { status: OutcomeStatus; code: string; executed: Executed } {
    if (this.halted !== null) {
      const sent = this.controller !== null
      return {
        status: sent ? 'aborted' : 'not_sent',
        code: 'agent_halted',
        executed: sent ? 'maybe' : 'nothing',
      }
    }
    if (error instanceof BodyRefused) {
      const status = this.controller === null ? 'not_sent' : 'aborted'
      return { status, code: error.code, executed: 'partial' }
    }
    if (this.controller === null) {
      const code = error instanceof CountersignError ? error.code : 'upstream_unreachable'
      return { status: 'not_sent', code, executed: 'nothing' }
    }
    if (error instanceof AgentLeft) return { status: 'aborted', code: 'body_incomplete', executed: 'maybe' }
    if (error instanceof Cut) return { status: 'aborted', code: 'gate_closing', executed: 'maybe' }
    const timedOut = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'].includes(causeCode(error))
    if (timedOut) return { status: 'timeout', code: 'upstream_timeout', executed: 'maybe' }
    return { status: 'upstream_error', code: 'upstream_broken', executed: 'maybe' }
  }

  /** INVARIANT: the keeper hears of one outcome for this attempt, whichever path gets here first. */
  private settle(status: OutcomeStatus): Promise<boolean> {
    if (this.settled !== null) return this.settled
    const { exchange, receipt, upload } = this.order
    clearTimeout(this.drainTimer)
    exchange.response.off('close', this.onAgentClosed)
    const answered = this.http !== 0
    this.settled = this.context.outcomes.settle({
      attempt: receipt.seq,
      status,
      http: this.http,
      upstreamId: this.upstreamId,
      bodySha256: upload === null ? null : upload.digest.hex(),
      responseSha256: answered ? this.digest.hex() : null,
      responseBytes: this.digest.lengthBytes,
    })
    return this.settled
  }

  /** The outcome must not depend on the agent's patience: what is under way is still read, within bounds. */
  private readonly onAgentClosed = (): void => {
    this.drainTimer = setTimeout(() => this.cut(), this.context.limits.drainMs)
    this.controller?.resume()
  }

  /** What nobody thought of ends this answer, and not the gate. */
  private readonly onFault = (error: Error): void => {
    this.context.log.error({ err: error }, 'fault of the gate')
    this.order.exchange.response.destroy()
  }

  private readonly onAgentDrained = (): void => {
    this.controller?.resume()
  }
}

/** A system's or undici's error code; never the message, which may name internal addresses. */
function causeCode(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : error.name
}
