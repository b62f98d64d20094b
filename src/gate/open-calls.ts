import { type AdmitReply, linkFault, type SettleReply } from '../link/index.js'

export interface OpenCall {
  readonly reply: 'admitted' | 'settled'
  readonly bytes: number
  readonly resolve: (reply: AdmitReply | SettleReply) => void
  readonly reject: (reason: Error) => void
}

export interface CallBounds {
  readonly timeoutMs: number
  readonly maxCalls: number
  readonly maxBytes: number
}

/** Calls that wait for the keeper's answer: bounded in number and bytes, each with the same deadline. */
export class OpenCalls {
  private readonly bounds: CallBounds
  /** In the order of their deadlines, since all wait equally long. */
  private readonly open = new Map<number, OpenCall & { readonly deadlineMs: number }>()
  /** Calls given up on whose answer may still come. */
  private readonly late = new Set<number>()
  private readonly idle: (() => void)[] = []
  private openBytes = 0
  private timer: NodeJS.Timeout | undefined

  constructor(bounds: CallBounds) {
    this.bounds = bounds
  }

  roomFor(bytes: number): boolean {
    return this.open.size < this.bounds.maxCalls && this.openBytes + bytes <= this.bounds.maxBytes
  }

  add(number: number, call: OpenCall): void {
    this.open.set(number, { ...call, deadlineMs: performance.now() + this.bounds.timeoutMs })
    this.openBytes += call.bytes
    this.timer ??= setTimeout(() => this.expire(), this.bounds.timeoutMs)
  }

  /** False where no such call waits for such an answer. */
  resolve(reply: AdmitReply | SettleReply): boolean {
    const call = this.open.get(reply.call)
    if (call === undefined || call.reply !== reply.type) return false
    this.remove(reply.call, call)
    call.resolve(reply)
    return true
  }

  reject(number: number, reason: Error): void {
    const call = this.open.get(number)
    if (call === undefined) return
    this.remove(number, call)
    call.reject(reason)
  }

  /** True once for a call that was given up on. */
  isLate(number: number): boolean {
    return this.late.delete(number)
  }

  /** The link is gone: no answer can come any more. */
  rejectAll(reason: Error): void {
    for (const number of [...this.open.keys()]) this.reject(number, reason)
    this.late.clear()
  }

  /** Resolves when nothing is open. */
  settled(): Promise<void> {
    return this.open.size === 0 ? Promise.resolve() : new Promise(resolve => this.idle.push(resolve))
  }

  private expire(): void {
    this.timer = undefined
    const now = performance.now()
    for (const [number, call] of this.open) {
      if (call.deadlineMs > now) {
        this.timer = setTimeout(() => this.expire(), Math.ceil(call.deadlineMs - now))
        return
      }
      if (this.late.size < this.bounds.maxCalls) this.late.add(number)
      this.reject(number, linkFault('keeper_slow'))
    }
  }

  private remove(number: number, call: OpenCall): void {
    this.open.delete(number)
    this.openBytes -= call.bytes
    if (this.open.size > 0) return
    clearTimeout(this.timer)
    this.timer = undefined
    for (const wake of this.idle.splice(0)) wake()
  }
}
