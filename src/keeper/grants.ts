import { type Crypto, contentId } from '../canon/index.js'
import type { CredentialBroker, Grant, GrantIssuer, GrantOrder } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'
import type { GrantRefusal } from '../link/index.js'
import {
  type ActivePolicy,
  GRANT_ORDER_WINDOW_MS,
  policyFault,
  type SignedGrantOrder,
  type TrustRoot,
} from '../policy/index.js'
import { keeperFault } from './error-table.js'
import type { Clock, Log } from './ports.js'
import { recoveredMs } from './recovered.js'
import { RENEWABLE_MS, renewedFrom } from './renewal.js'
import type { StateChange } from './state-change.js'

/** Durable forms: `grant/<jti>` → the JSON of `IssuedGrant`; `grant-nonce/<nonce>` → Unix milliseconds until which it is refused; `grant-ended/<session>` → `1`. */
const GRANT = 'grant/'
const NONCE = 'grant-nonce/'
const ENDED = 'grant-ended/'
const MAX_GRANT_MS = 3_600_000
/** A kubelet renews a token before it ends, so that two are about; whoever makes more can't fill the ledger with them. */
const MAX_LIVING_OF_SESSION = 8
/** Of a subject whose issuer tells of no pods, so that each of its tokens is a session of its own. */
const MAX_LIVING_OF_SUBJECT = 64

/** A grant that was issued here. */
export interface IssuedGrant {
  readonly jti: string
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly slot: string
  readonly expiresMs: number
  /** True also where another grant of its session was revoked. */
  readonly revoked: boolean
  /** `jti` of the first grant of its chain of renewals; its own where it renews none. */
  readonly session: string
  readonly sessionStartedMs: number
  /** Whose word it stands on; absent where it was ordered. */
  readonly identity?: NonNullable<Grant['identity']>
}

export interface GrantsParts {
  readonly ledger: Ledger
  readonly issuer: GrantIssuer
  readonly broker: Pick<CredentialBroker, 'revoke'>
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly log: Log
  readonly policies: { inForce(): ActivePolicy | null; trust(): TrustRoot | null }
  /** Whether people have stopped this agent or task. */
  readonly isHalted: (of: { readonly agent: string; readonly task: string }) => boolean
  /** Throws unless the envelope is a fresh order to this sidecar, signed by the `enrol` role of this trust root. */
  readonly openOrder: (envelope: Uint8Array, trust: TrustRoot) => SignedGrantOrder
}

/** Issues and revokes grants, and remembers both across restarts. Reaching the admin socket is not enough to get one. */
export class Grants {
  private readonly parts: GrantsParts
  private readonly revocations: Revocations
  private readonly issued: Map<string, IssuedGrant>
  private readonly nonces: Map<string, number>
  /** Sessions of pods that were ended: their next token would begin anew. */
  private readonly ended: Set<string>
  private readonly recording = new Map<string, Promise<unknown>>()
  /** Ids of grants whose revocation is in force and that the ledger didn't take. */
  private readonly unwritten = new Set<string>()
  private readonly recoveredMs: number | null

  private constructor(parts: GrantsParts, revocations: Revocations, memory: GrantMemory) {
    this.parts = parts
    this.revocations = revocations
    this.issued = revocations.issued
    this.nonces = memory.nonces
    this.ended = memory.ended
    this.recoveredMs = memory.recoveredMs
  }

  static async load(parts: GrantsParts, revocations: Revocations): Promise<Grants> {
    const nonces = new Map<string, number>()
    for (const [key, value] of await parts.ledger.state.list(NONCE))
      nonces.set(key.slice(NONCE.length), Number(value))
    const sessions = await parts.ledger.state.list(ENDED)
    const ended = new Set(sessions.map(([key]) => key.slice(ENDED.length)))
    const recovered = await recoveredMs(parts.ledger.state)
    return new Grants(parts, revocations, { nonces, ended, recoveredMs: recovered })
  }

  /** Grants that have not expired. */
  list(): readonly IssuedGrant[] {
    const nowMs = this.parts.clock.nowMs()
    return [...this.issued.values()].filter(grant => grant.expiresMs > nowMs)
  }

  /** Fulfils a signed order. The token is returned only after the grant is in the ledger. Throws a fault that names what is wrong with the order. */
  async issue(envelope: Uint8Array): Promise<{ readonly token: string; readonly grant: IssuedGrant }> {
    const { crypto, issuer, ledger, clock } = this.parts
    const nowMs = clock.nowMs()
    const policy = this.parts.policies.inForce()
    const trust = this.parts.policies.trust()
    if (policy === null || trust === null) throw keeperFault('policy_missing')
    const order = this.parts.openOrder(envelope, trust)
    // ATTACK: an order whose first use was in the entries that were lost.
    if (this.recoveredMs !== null && order.t <= this.recoveredMs) throw keeperFault('grant_order_outdated')
    if (!mayHaveGrant(policy, order)) throw keeperFault('grant_order_agent')
    if (this.parts.isHalted(order)) throw keeperFault('grant_order_halted')
    const before = this.renewed(order, policy, nowMs)
    const refusedUntilMs = order.t + 2 * GRANT_ORDER_WINDOW_MS
    // ATTACK: the clock is set back, to when an order whose nonce is forgotten was fresh. The log knows how late it was.
    if (refusedUntilMs <= ledger.head().t) throw policyFault('grant_order_stale')
    // ATTACK: the same order twice at once. No await between the look and the note.
    if (this.nonces.has(order.nonce)) throw keeperFault('grant_order_replayed')
    this.nonces.set(order.nonce, refusedUntilMs)
    const { token, grant } = await issuer.issue(order, nowMs)
    // ATTACK: a session that is revoked while its renewal is being signed. No await between this look and the note.
    this.renewed(order, policy, nowMs)
    const issued: IssuedGrant = {
      jti: grant.jti,
      agent: grant.agent,
      environment: grant.environment,
      task: grant.task,
      owner: grant.owner,
      slot: order.slot,
      expiresMs: grant.expiresMs,
      revoked: false,
      session: before?.session ?? grant.jti,
      sessionStartedMs: before?.sessionStartedMs ?? nowMs,
    }
    this.issued.set(issued.jti, issued)
    await ledger.append(
      { type: 'grant', data: { action: 'issued', ...written(issued), order: contentId(crypto, envelope) } },
      {
        state: [
          ...this.forgetExpired(nowMs),
          { key: `${NONCE}${order.nonce}`, value: String(refusedUntilMs) },
          { key: `${GRANT}${issued.jti}`, value: JSON.stringify(issued) },
        ],
      },
    )
    // ATTACK: a halt while the grant was being written down ended those that it knew of.
    if (this.parts.isHalted(issued)) {
      await this.revoke(issued.jti)
      throw keeperFault('grant_order_halted')
    }
    if (this.revocations.has(issued.jti)) throw keeperFault('renewal_revoked')
    return { token, grant: issued }
  }

  /**
   * Notes a grant that somebody else vouches for, once, and answers when it is in the ledger: null where it holds, or
   * why it doesn't. `issuedMs` is that one's own word.
   */
  async recognise(grant: IssuedGrant, issuedMs: number): Promise<GrantRefusal | null> {
    if (this.hasEnded(grant, issuedMs)) return 'grant_revoked'
    const { jti } = grant
    const known = this.issued.get(jti)
    // Another policy may give the same pod to another agent: what is written down of its token is another grant then.
    if (known === undefined || known.agent !== grant.agent || known.environment !== grant.environment) {
      const nowMs = this.parts.clock.nowMs()
      if (known === undefined && this.hasTooMany(grant, nowMs)) return 'grant_too_many'
      this.issued.set(jti, grant)
      const { issuer, subject } = grant.identity ?? { issuer: '', subject: '' }
      const appended = this.parts.ledger.append(
        { type: 'grant', data: { action: 'issued', ...written(grant), issuer, subject } },
        {
          state: [...this.forgetExpired(nowMs), { key: `${GRANT}${jti}`, value: JSON.stringify(grant) }],
        },
      )
      this.recording.set(jti, appended)
      appended.catch(() => this.issued.delete(jti)).finally(() => this.recording.delete(jti))
    }
    await this.recording.get(jti)
    // ATTACK: it was revoked while it was written down.
    return this.hasEnded(grant, issuedMs) ? 'grant_revoked' : null
  }

  /** Whether the log says that this grant was issued, and to whom. */
  isNoted({ jti, agent, environment }: Pick<IssuedGrant, 'jti' | 'agent' | 'environment'>): boolean {
    const known = this.issued.get(jti)
    return known !== undefined && known.agent === agent && known.environment === environment
  }

  private hasTooMany(grant: IssuedGrant, nowMs: number): boolean {
    const living = [...this.issued.values()].filter(({ expiresMs }) => expiresMs > nowMs)
    const ofSession = living.filter(({ session }) => session === grant.session)
    const ofSubject = isAlone(grant)
      ? living.filter(
          each =>
            isAlone(each) &&
            each.identity?.issuer === grant.identity?.issuer &&
            each.identity?.subject === grant.identity?.subject,
        )
      : []
    return ofSession.length >= MAX_LIVING_OF_SESSION || ofSubject.length >= MAX_LIVING_OF_SUBJECT
  }

  private hasEnded({ jti, session }: IssuedGrant, issuedMs: number): boolean {
    return this.ended.has(session) || this.revocations.isRevoked(jti, issuedMs)
  }

  /**
   * Ends a grant and every other of its session from the next request on, and the credentials that were minted for
   * its agent and task; nothing renews the session any more. Throws `grant_unknown`.
   */
  async revoke(jti: string): Promise<IssuedGrant> {
    const { ledger, broker, log } = this.parts
    const session = this.issued.get(jti)?.session ?? jti
    const grants = [...this.issued.values()].filter(grant => grant.session === session)
    const named = grants.find(grant => grant.jti === jti) ?? grants[0]
    if (named === undefined) throw keeperFault('grant_unknown')
    const ended = grants
      .filter(({ jti, revoked }) => !revoked || this.unwritten.has(jti))
      .map(grant => ({ ...grant, revoked: true }))
    for (const grant of ended) {
      this.issued.set(grant.jti, grant)
      this.revocations.add(grant.jti)
      this.unwritten.delete(grant.jti)
    }
    // A pod's token is renewed by others, so its session is what has to be remembered.
    const endsSession = named.identity !== undefined
    if (endsSession) this.ended.add(session)
    await Promise.all(
      ended.map(grant =>
        ledger
          .append(
            { type: 'grant', data: { action: 'revoked', ...written(grant) } },
            {
              state: [
                { key: `${GRANT}${grant.jti}`, value: JSON.stringify(grant) },
                ...(endsSession ? [{ key: `${ENDED}${session}`, value: '1' }] : []),
              ],
            },
          )
          .catch(error => {
            this.unwritten.add(grant.jti)
            throw error
          }),
      ),
    )
    if (ended.length > 0)
      await broker
        .revoke({ agent: named.agent, task: named.task })
        .catch(error =>
          log.error(
            { jti, reason: String((error as { code?: unknown }).code) },
            'minted credentials outlive their grant',
          ),
        )
    return { ...named, revoked: true }
  }

  /** Writes down what was revoked while the ledger was too busy to take it: otherwise a restart would bring it back. */
  async writeRevoked(): Promise<void> {
    for (const jti of [...this.unwritten]) await this.revoke(jti)
  }

  /** The grant that an order renews, or null; throws where its session may not go on. */
  private renewed(order: SignedGrantOrder, policy: ActivePolicy, nowMs: number): IssuedGrant | null {
    if (order.renews === undefined) return null
    return renewedFrom(this.issued.get(order.renews), order, policy.agents.get(order.agent), nowMs)
  }

  /** What can neither be presented nor renewed any more needs no memory. */
  private forgetExpired(nowMs: number): StateChange[] {
    const changes: StateChange[] = []
    for (const grant of this.issued.values()) {
      if (grant.expiresMs + RENEWABLE_MS > nowMs) continue
      this.issued.delete(grant.jti)
      this.revocations.delete(grant.jti)
      this.unwritten.delete(grant.jti)
      changes.push({ key: `${GRANT}${grant.jti}`, value: null })
    }
    for (const [nonce, untilMs] of this.nonces) {
      if (untilMs > nowMs) continue
      this.nonces.delete(nonce)
      changes.push({ key: `${NONCE}${nonce}`, value: null })
    }
    return changes
  }
}

interface GrantMemory {
  readonly nonces: Map<string, number>
  readonly ended: Set<string>
  readonly recoveredMs: number | null
}

/** Ids of revoked grants, and what was issued: what the grant verifier asks on every use. */
export class Revocations extends Set<string> {
  /** By `jti`, until they can be neither presented nor renewed. */
  readonly issued = new Map<string, IssuedGrant>()
  /** Every grant that was issued by then is ended, see `carryOver`; null in a ledger that was never recovered. */
  private readonly endedMs: number | null

  constructor(endedMs: number | null = null) {
    super()
    this.endedMs = endedMs
  }

  /** `issuedMs` is the grant's own word, to the second. */
  isRevoked(jti: string, issuedMs: number): boolean {
    return this.has(jti) || (this.endedMs !== null && issuedMs <= this.endedMs)
  }

  /**
   * Whether this is a grant of the ledger, to the word. ATTACK: whoever has stolen the grant key signs grants that nobody
   * ordered, or one of their own for another agent, task or owner.
   */
  wasIssued({ jti, agent, environment, task, owner, expiresMs }: Grant): boolean {
    const issued = this.issued.get(jti)
    return (
      issued !== undefined &&
      issued.identity === undefined &&
      issued.agent === agent &&
      issued.environment === environment &&
      issued.task === task &&
      issued.owner === owner &&
      issued.expiresMs === expiresMs
    )
  }
}

/** The revocations as of the newest entry. Made before the verifier, which is made before the keeper. */
export async function loadRevocations(ledger: Pick<Ledger, 'state'>): Promise<Revocations> {
  const revocations = new Revocations(await recoveredMs(ledger.state))
  for (const [, value] of await ledger.state.list(GRANT)) {
    const grant = readIssued(value)
    revocations.issued.set(grant.jti, grant)
    if (grant.revoked) revocations.add(grant.jti)
  }
  return revocations
}

/** Grants that an earlier version wrote down are each a session of their own. */
function readIssued(text: string): IssuedGrant {
  const stored: Omit<IssuedGrant, 'session' | 'sessionStartedMs'> & Partial<IssuedGrant> = JSON.parse(text)
  const { session = stored.jti, sessionStartedMs = stored.expiresMs - MAX_GRANT_MS } = stored
  return { ...stored, session, sessionStartedMs }
}

/** A token of nobody's pod. */
function isAlone({ jti, session, identity }: IssuedGrant): boolean {
  return identity !== undefined && session === jti
}

function mayHaveGrant(policy: ActivePolicy, order: GrantOrder): boolean {
  const agent = policy.agents.get(order.agent)
  return (
    agent !== undefined &&
    agent.environment === order.environment &&
    agent.identities.some(({ kind }) => kind === 'grant')
  )
}

function written({ jti, agent, environment, task, owner, slot, expiresMs, session }: IssuedGrant) {
  return { jti, agent, environment, task, owner, slot, expires: expiresMs, session }
}
