import { type AdmitReply, linkFault, type SettleReply } from '../link/index.js'

export interface OpenCall {
  readonly reply: 'admitted' | 'settled'
  /** Grant that it is about; empty where there is none. */
  readonly owner: string
  readonly bytes: number
  readonly resolve: (reply: AdmitReply | SettleReply) => void
  readonly reject: (reason: Error) => void
}

export interface CallBounds {
  readonly timeoutMs: number
  readonly maxCalls: number
  readonly maxBytes: number
  /** The same of one owner, so that others find room. */
  readonly maxBytesEach: number
}

/** A call of no more than this is brief, and the number of calls is bound enough for it. */
const BRIEF_BYTES = 32_768

export function isBrief(bytes: number): boolean {
  return bytes <= BRIEF_BYTES
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
  private readonly bytesOf = new Map<string, number>()
  private timer: NodeJS.Timeout | undefined

  constructor(bounds: CallBounds) {
    this.bounds = bounds
  }

  /**
   * ATTACK: an agent with a hundred requests of a megabyte each, behind which nobody else's reaches the keeper. It has a
   * share, and whoever is brief is held to the number of calls alone.
   */
  roomFor(bytes: number, owner: string): boolean {
    const { maxCalls, maxBytes, maxBytesEach } = this.bounds
    if (this.open.size >= maxCalls) return false
    const own = this.bytesOf.get(owner) ?? 0
    return isBrief(bytes) || (this.openBytes + bytes <= maxBytes && own + bytes <= maxBytesEach)
  }

  add(number: number, call: OpenCall): void {
    this.open.set(number, { ...call, deadlineMs: performance.now() + this.bounds.timeoutMs })
    this.count(call.owner, call.bytes)
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
    this.count(call.owner, -call.bytes)
    if (this.open.size > 0) return
    clearTimeout(this.timer)
    this.timer = undefined
    for (const wake of this.idle.splice(0)) wake()
  }

  private count(owner: string, bytes: number): void {
    this.openBytes += bytes
    const own = (this.bytesOf.get(owner) ?? 0) + bytes
    if (own === 0) this.bytesOf.delete(owner)
    else this.bytesOf.set(owner, own)
  }
}
