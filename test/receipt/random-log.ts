import fc from 'fast-check'
import type { Entry, EntryBody } from '../../src/receipt/index.js'
import { attemptBody, genesis, HEX, LogOnPaper, newKey, outcomeBody } from './log-fixture.js'

/** What may happen next in a log; what can't happen at that point is left out when it is written. */
type Event =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'policy' }
  | { readonly kind: 'refused policy' }
  | { readonly kind: 'grant'; readonly task: string }
  | { readonly kind: 'revoke' }
  | { readonly kind: 'mint' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'allow'; readonly settled: boolean }
  | { readonly kind: 'hold' }
  | { readonly kind: 'approve' }
  | { readonly kind: 'use approval'; readonly consumedFirst: boolean }
  | { readonly kind: 'restart' }
  | { readonly kind: 'heartbeat' }

export type Story = readonly Event[]

const event = <K extends Event['kind']>(kind: K, parts: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.record({ kind: fc.constant(kind), ...parts }) as fc.Arbitrary<Event>

export const anyStory: fc.Arbitrary<Story> = fc.array(
  fc.oneof(
    event('wait', { ms: fc.nat({ max: 2_000_000 }) }),
    event('policy'),
    event('refused policy'),
    event('grant', { task: fc.constantFrom('t-1', 't-2') }),
    event('revoke'),
    event('mint'),
    event('deny'),
    event('allow', { settled: fc.boolean() }),
    event('allow', { settled: fc.boolean() }),
    event('hold'),
    event('approve'),
    event('use approval', { consumedFirst: fc.boolean() }),
    event('restart'),
    event('heartbeat'),
  ),
  { minLength: 1, maxLength: 40 },
)

const HOUR = 3_600_000
const START = 1_790_000_000_000
// One pair for all logs: the keys are not what is varied.
const [RECEIPT_KEY, CHECKPOINT_KEY] = [newKey(), newKey()]

interface Grant {
  readonly jti: string
  readonly task: string
  readonly expires: number
}

/** Writes a story as a keeper would that does everything right, but for the lies that the test tells. */
export function written(story: Story, lie: (entry: Entry) => Partial<Entry> = () => ({})): LogOnPaper {
  const teller = new Teller(lie)
  for (const each of story) teller.tell(each)
  return teller.log
}

class Teller {
  readonly log = new LogOnPaper(RECEIPT_KEY, CHECKPOINT_KEY)
  private readonly lie: (entry: Entry) => Partial<Entry>
  private policy = { cid: cidOf(1), version: 1 }
  private grant: Grant
  private mint: { readonly id: string; readonly expires: number; readonly task: string } | undefined
  private approval:
    | { readonly id: string; readonly cid: string; readonly expires: number; approved: boolean }
    | undefined
  private count = 0

  constructor(lie: (entry: Entry) => Partial<Entry>) {
    this.lie = lie
    this.log.t = START
    this.append(genesis(this.log.receiptKey, this.log.checkpointKey))
    this.append(this.log.bootEntry())
    this.append({ type: 'policy', data: { action: 'activated', ...this.policy } })
    this.grant = this.issue('t-1')
  }

  tell(event: Event): void {
    switch (event.kind) {
      case 'wait':
        this.log.t += event.ms
        break
      case 'policy':
        this.policy = { cid: cidOf(this.policy.version + 1), version: this.policy.version + 1 }
        this.approval = undefined
        this.append({ type: 'policy', data: { action: 'activated', ...this.policy } })
        break
      case 'refused policy':
        this.append({
          type: 'policy',
          data: { action: 'refused', cid: null, version: 0, code: 'expiry_past' },
        })
        break
      case 'grant':
        this.grant = this.issue(event.task)
        break
      case 'revoke':
        this.append({ type: 'grant', data: { action: 'revoked', ...this.grantData(this.grant) } })
        this.log.t += 1
        this.grant = this.issue(this.grant.task)
        break
      case 'mint':
        this.mint = { id: this.nextId(), expires: this.log.t + HOUR, task: this.lasting().task }
        this.append({ type: 'mint', data: { action: 'minted', ...this.mintData(this.mint) } })
        break
      case 'deny':
        this.attempt({ effect: 'deny', code: 'denied_by_rule', rule: 'never' }, {})
        break
      case 'allow':
        this.allow(event.settled)
        break
      case 'hold':
        this.hold()
        break
      case 'approve':
        if (!this.pending()) break
        this.append(this.approvalEntry('approved'))
        if (this.approval !== undefined) this.approval.approved = true
        break
      case 'use approval':
        this.pass(event.consumedFirst)
        break
      case 'restart':
        this.log.boot = `0198c0de-0000-4000-8000-${(++this.count).toString(16).padStart(12, '0')}`
        this.append(this.log.bootEntry())
        this.mint = undefined
        break
      case 'heartbeat':
        this.append(this.log.heartbeat())
    }
  }

  private allow(settled: boolean): void {
    const { task } = this.lasting()
    const usable = this.mint !== undefined && this.mint.task === task && this.mint.expires > this.log.t
    const credential = usable && this.mint !== undefined ? { credential: credentialOf(this.mint) } : {}
    const seq = this.attempt({ effect: 'allow', code: 'allowed', rule: 'work' }, credential)
    if (settled) this.append(outcomeBody(seq, this.log.leaves[seq] as string))
  }

  private hold(): void {
    if (!this.pending()) {
      // A new grant ends whatever approval there was.
      this.grant = this.lasting()
      const expires = this.log.t + HOUR / 2
      this.approval = { id: this.nextId(), cid: this.policy.cid, expires, approved: false }
      this.append(this.approvalEntry('requested'))
    }
    const id = this.approval?.id ?? ''
    this.attempt({ effect: 'hold', code: 'approval_required', rule: 'nights' }, { approval: id })
  }

  private pass(consumedFirst: boolean): void {
    if (!this.pending() || this.approval?.approved !== true) return
    const { id } = this.approval
    this.grant = this.lasting()
    const passes = () => this.attempt({ effect: 'allow', code: 'approved', rule: 'nights' }, { approval: id })
    if (consumedFirst) {
      this.append(this.approvalEntry('consumed', this.log.entries.length + 1))
      passes()
    } else this.append(this.approvalEntry('consumed', passes()))
    this.approval = undefined
  }

  /** An approval is there for the task of the grant, and can still be given or used. */
  private pending(): boolean {
    return this.approval !== undefined && this.approval.expires > this.log.t + 2
  }

  private attempt(
    decision: { effect: 'allow' | 'hold' | 'deny'; code: string; rule: string },
    more: Partial<ReturnType<typeof attemptBody>>,
  ): number {
    const { jti, task } = this.lasting()
    const { credential: _, ...body } = attemptBody({ id: this.nextId(), policy: this.policy, decision })
    const agent = { id: 'coder', environment: 'staging', task, owner: 'maria', grant: jti }
    return this.append({ ...body, agent, ...more })
  }

  /** The grant, or another for the same task where it has ended. */
  private lasting(): Grant {
    if (this.grant.expires <= this.log.t + 2) this.grant = this.issue(this.grant.task)
    return this.grant
  }

  private issue(task: string): Grant {
    const grant = { jti: `g-${++this.count}`, task, expires: this.log.t + HOUR }
    // An approval is for its own task.
    this.approval = undefined
    this.append({ type: 'grant', data: { action: 'issued', ...this.grantData(grant) } })
    return grant
  }

  private grantData({ jti, task, expires }: Grant) {
    return {
      jti,
      ...{ agent: 'coder', environment: 'staging', task, owner: 'maria' },
      slot: 'bearer',
      expires,
    }
  }

  private mintData(mint: { readonly id: string; readonly expires: number; readonly task: string }) {
    const { mint: id, ...credential } = credentialOf(mint)
    const who = { agent: 'coder', environment: 'staging', task: mint.task, owner: 'maria' }
    return { ...credential, id, ...who, credential: 'railway', api: 'railway' }
  }

  private approvalEntry(state: string, attempt?: number): EntryBody {
    const { id, cid, expires } = this.approval ?? { id: '', cid: '', expires: 0 }
    const { task } = this.grant
    const who = { agent: 'coder', environment: 'staging', task, owner: 'maria' }
    const more = attempt === undefined ? {} : { attempt }
    return { type: 'approval', data: { id, state, ...who, policy: cid, digest: HEX, expires, ...more } }
  }

  /** UUIDv7 of now. */
  private nextId(): string {
    const time = this.log.t.toString(16).padStart(12, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${(++this.count).toString(16).padStart(12, '0')}`
  }

  private append(body: EntryBody): number {
    const seq = this.log.entries.length
    return this.log.append(body, this.lie({ ...body, seq } as Entry))
  }
}

function credentialOf({ id, expires }: { readonly id: string; readonly expires: number }) {
  return { minter: 'jwt', scope: 'all of it', expires, mint: id }
}

function cidOf(version: number): string {
  return `sha256:${version.toString(16).padStart(64, '0')}`
}
