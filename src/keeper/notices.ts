import type { Clock, Log } from './ports.js'

/** Something that a person wants to hear of. No secret, no argument and no body of a request is in it. */
export interface Notice {
  /** The same on every try, and after a restart: whoever receives one twice can tell. */
  readonly id: string
  readonly type: NoticeType
  /** Unix milliseconds of the event. */
  readonly t: number
  readonly data: Readonly<Record<string, NoticeValue>>
}

export type NoticeValue = string | number | null | readonly (string | Readonly<Record<string, NoticeValue>>)[]

export type NoticeType =
  | 'approval.requested'
  | 'approval.approved'
  | 'approval.withdrawn'
  | 'approval.rejected'
  | 'approval.expired'
  | 'halt.halted'
  | 'halt.resumed'
  | 'freeze.frozen'
  | 'freeze.thawed'
  | 'alarm.raised'
  | 'alarm.ended'
  | 'keeper.closing'

/** Somewhere that notices go to. */
export interface NoticePlace {
  readonly name: string
  /** Resolves when it has arrived; throws a code and never anything of the notice where it has not, which is tried again. */
  deliver(notice: Notice, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface NoticeBounds {
  /** Notices of one place that wait; a further one pushes the oldest out, of approvals first. */
  readonly maxQueued: number
  /** One try may take so long. */
  readonly tryMs: number
  /** First and longest pause between two tries, doubled each time. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** What is older is given up. */
  readonly maxAgeMs: number
}

export const NOTICES: NoticeBounds = {
  maxQueued: 1_000,
  tryMs: 10_000,
  firstPauseMs: 1_000,
  longestPauseMs: 300_000,
  maxAgeMs: 86_400_000,
}

/** How a place does, for `GET /v1/status`. */
export interface NoticeStatus {
  readonly name: string
  readonly delivered: number
  readonly queued: number
  /** Pushed out of the queue, or given up for their age. */
  readonly dropped: number
  /** Null while the last try succeeded. */
  readonly failing: { readonly code: string; readonly tries: number; readonly sinceMs: number } | null
}

export interface NoticesParts {
  readonly places: readonly NoticePlace[]
  readonly clock: Clock
  readonly log: Log
  readonly bounds?: NoticeBounds
}

/**
 * Tells places outside what has happened, each in its order, at least once where it can be reached. Whoever raises a
 * notice neither waits nor hears of a failure: a request must not depend on somebody's pager.
 */
export class Notices {
  private readonly lanes: readonly Lane[]

  constructor({ places, ...parts }: NoticesParts) {
    this.lanes = places.map(place => new Lane(place, { ...parts, bounds: parts.bounds ?? NOTICES }))
  }

  raise(notice: Notice): void {
    for (const lane of this.lanes) lane.add(notice)
  }

  status(): readonly NoticeStatus[] {
    return this.lanes.map(lane => lane.status())
  }

  /** Resolves once nothing waits, every place has failed to take what does, or the time is over. Never rejects. */
  async settled(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>(resolve => {
      timer = setTimeout(resolve, withinMs)
    })
    await Promise.race([Promise.all(this.lanes.map(lane => lane.settled())), patience])
    clearTimeout(timer)
  }

  /** What is under way is broken off. What waits for people is told of again after the next start. */
  async stop(): Promise<void> {
    await Promise.all(this.lanes.map(lane => lane.stop()))
  }
}

type LaneParts = Required<Omit<NoticesParts, 'places'>>

class Lane {
  private readonly place: NoticePlace
  private readonly parts: LaneParts
  private readonly queue: Notice[] = []
  private readonly ended = new AbortController()
  private readonly name: string
  private delivered = 0
  private dropped = 0
  private failing: NoticeStatus['failing'] = null
  private timer: NodeJS.Timeout | undefined
  private trying: Promise<void> | null = null

  constructor(place: NoticePlace, parts: LaneParts) {
    this.place = place
    this.parts = parts
    this.name = place.name
  }

  add(notice: Notice): void {
    if (this.ended.signal.aborted) return
    this.queue.push(notice)
    if (this.queue.length > this.parts.bounds.maxQueued) this.drop(this.leastMissed())
    this.next()
  }

  /**
   * ATTACK: an agent that asks for approvals until the pager's queue fills the memory, or until nobody hears of its halt.
   * What waits for people is told again after a restart; that somebody stopped something is not.
   */
  private leastMissed(): number {
    const first = this.trying === null ? 0 : 1
    const approval = this.queue.findIndex(({ type }, at) => at >= first && type.startsWith('approval.'))
    return approval < 0 ? first : approval
  }

  status(): NoticeStatus {
    const { name, delivered, dropped, failing } = this
    return { name, delivered, queued: this.queue.length, dropped, failing }
  }

  /** While what waits is delivered one after the other; a failure would be a pause. */
  async settled(): Promise<void> {
    while (this.trying !== null) await this.trying
  }

  async stop(): Promise<void> {
    this.ended.abort()
    clearTimeout(this.timer)
    await this.trying
    await this.place.close()
  }

  private next(): void {
    if (this.trying !== null || this.timer !== undefined || this.ended.signal.aborted) return
    const [notice] = this.queue
    if (notice === undefined) return
    this.trying = this.try(notice).then(pauseMs => {
      this.trying = null
      if (pauseMs === 0) this.next()
      else this.nextIn(pauseMs)
    })
  }

  private nextIn(pauseMs: number): void {
    if (this.ended.signal.aborted) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.next()
    }, pauseMs)
    this.timer.unref()
  }

  /** Answers how long to wait before the next try. Never rejects. */
  private async try(notice: Notice): Promise<number> {
    const { bounds, clock, log } = this.parts
    if (clock.nowMs() - notice.t > bounds.maxAgeMs) {
      this.drop(0)
      return 0
    }
    try {
      await this.place.deliver(
        notice,
        AbortSignal.any([this.ended.signal, AbortSignal.timeout(bounds.tryMs)]),
      )
    } catch (error) {
      const code = String((error as { code?: unknown }).code ?? 'notice_failed')
      const { tries = 0, sinceMs = clock.nowMs() } = this.failing ?? {}
      this.failing = { code, tries: tries + 1, sinceMs }
      if (tries === 0 && !this.ended.signal.aborted)
        log.warn({ code, to: this.name }, 'a notice did not arrive; it is tried again')
      return Math.min(bounds.firstPauseMs * 2 ** Math.min(tries, 20), bounds.longestPauseMs)
    }
    if (this.failing !== null) log.info({ to: this.name }, 'notices arrive again')
    this.failing = null
    this.delivered++
    this.queue.shift()
    return 0
  }

  private drop(at: number): void {
    this.queue.splice(at, 1)
    this.dropped++
    if (Math.log10(this.dropped) % 1 === 0)
      this.parts.log.error({ to: this.name, dropped: this.dropped }, 'notices were dropped')
  }
}
