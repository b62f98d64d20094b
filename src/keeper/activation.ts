import { CountersignError, type Crypto } from '../canon/index.js'
import type { Ledger } from '../ledger/index.js'
import type { PolicyView } from '../link/index.js'
import {
  type ActivePolicy,
  observers,
  refuseLongObserving,
  type SeenTrustRoot,
  type TrustRoot,
  trustRootId,
} from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import { keeperFault } from './error-table.js'
import type { Clock, Log } from './ports.js'
import type { StateChange } from './state-change.js'

/** Durable form: `{"version":7,"cid":"sha256:…"}`, the highest policy that was ever activated. */
export const HIGHEST_KEY = 'policy/highest'

/** Durable form: `{"version":3,"cid":"sha256:…"}`, the newest trust root that was ever opened. */
const SEEN_KEY = 'trust/seen'

/** Content id of the policy that this epoch's log says is in force. Another epoch's log has to say it again. */
export const ANNOUNCED_KEY = 'policy/announced'

/** Content id of the trust root that this epoch's log says it goes by. */
export const ANNOUNCED_TRUST_KEY = 'trust/announced'

export interface HighestPolicy {
  readonly version: number
  readonly cid: string
}

/** A sealed policy that was opened and verified, with the catalogs that it pins, by digest. */
export interface OpenedPolicy {
  readonly policy: ActivePolicy
  readonly catalogs: ReadonlyMap<string, CatalogDocument>
  /** Holds the seal against a later trust root; throws the fault that it has there, expiry apart. */
  readonly recheck: (trust: TrustRoot) => void
}

/** Where the trust root and the sealed policy come from. Both throw the fault that says why they can't be used. */
export interface SealedSource {
  /** `seen`: the newest trust root that was opened before; nothing older and no other history is opened after it. */
  trust(seen: SeenTrustRoot | null): Promise<TrustRoot>
  policy(trust: TrustRoot, highest: HighestPolicy | null, nowMs: number): Promise<OpenedPolicy>
  /** Calls back after a change of any of the files; the answer ends it. */
  watch(onChange: () => void): () => void
  /** How the policy gets here, where that can fail by itself. */
  distribution?(): Distribution
}

/** A policy that is fetched: from where, and since when not. */
export interface Distribution {
  /** Host and path. */
  readonly from: string
  readonly everyMs: number
  /** Null before the first answer. */
  readonly lastAnswerMs: number | null
  readonly failing: { readonly message: string; readonly sinceMs: number; readonly polls: number } | null
}

export interface PolicyRefusal {
  readonly code: string
  readonly message: string
  readonly mend: string
  readonly atMs: number
}

export interface ActivationParts {
  readonly ledger: Ledger
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly log: Log
  readonly source: SealedSource
  /** Whether tokens of an issuer that a policy names are verified here. */
  readonly knowsIssuer: (issuer: string) => boolean
  /** Called with what the gates may know of the policy in force, whenever that changes. */
  readonly announce: (view: PolicyView | null) => void
}

/** Members of a `policy` entry, without those about the trust root. */
interface PolicyWords {
  readonly action: 'activated' | 'rechecked' | 'refused' | 'withdrawn' | 'expired'
  readonly cid: string | null
  readonly version: number
  readonly code?: string
  readonly [member: string]: string | number | null
}

/** What is put in force next is said, though it be what was in force before. */
const OUT_OF_FORCE: StateChange = { key: ANNOUNCED_KEY, value: null }

interface InForce {
  readonly policy: ActivePolicy
  /** What the gates may know of it. */
  readonly view: PolicyView
  readonly recheck: OpenedPolicy['recheck']
}

/** Keeps the last good policy in force, and nothing older than the ledger remembers. */
export class Activation {
  private readonly parts: ActivationParts
  private current: InForce | null = null
  private root: TrustRoot | null = null
  private seen: SeenTrustRoot | null = null
  private lastRefusal: PolicyRefusal | null = null
  private expiryWritten = false
  private loading: Promise<unknown> = Promise.resolve()

  constructor(parts: ActivationParts) {
    this.parts = parts
  }

  inForce(): ActivePolicy | null {
    return this.current?.policy ?? null
  }

  view(): PolicyView | null {
    return this.current?.view ?? null
  }

  /** The trust root as it was last opened. */
  trust(): TrustRoot | null {
    return this.root
  }

  /** What is to be durable with the next entry. ATTACK: a trust root that was cut back while nobody ran. */
  memory(): readonly StateChange[] {
    return this.seen === null ? [] : [{ key: SEEN_KEY, value: JSON.stringify(this.seen) }]
  }

  /** Why the newest update isn't in force; null where it is. */
  refusal(): PolicyRefusal | null {
    return this.lastRefusal
  }

  /** Null where the policy is a file. */
  distribution(): Distribution | null {
    return this.parts.source.distribution?.() ?? null
  }

  /**
   * Reads trust root and policy again and puts a better version in force. A bad one changes nothing, is written
   * in the ledger once, and shows in `refusal()`. Returns whether the source's policy is now in force; rejects with a
   * ledger fault, or with what is no fault of the policy.
   */
  reload(): Promise<boolean> {
    const loaded = this.loading.then(() => this.load())
    this.loading = loaded.catch(() => undefined)
    return loaded
  }

  /** Writes down, once, that the policy in force has expired. Every decision denies from then on by itself. */
  async noteExpiry(): Promise<void> {
    const policy = this.inForce()
    if (policy === null || this.expiryWritten || policy.expiresMs > this.parts.clock.nowMs()) return
    this.expiryWritten = true
    this.parts.log.error({ cid: policy.cid, version: policy.version }, 'the policy in force has expired')
    await this.append({ action: 'expired', cid: policy.cid, version: policy.version })
  }

  private async load(): Promise<boolean> {
    const { source, clock } = this.parts
    let next: InForce
    try {
      const root = await this.openTrust()
      await this.withdrawWhatIsRevoked(root)
      await this.announceTrust()
      next = withView(await source.policy(root, await this.highest(), clock.nowMs()))
      refuseLongObserving(next.policy, clock.nowMs())
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      await this.refuse(error)
      return false
    }
    await this.putInForce(next)
    await this.announceTrust()
    this.lastRefusal = null
    return true
  }

  private async openTrust(): Promise<TrustRoot> {
    const { source, crypto, ledger } = this.parts
    this.seen ??= seenIn(await ledger.state.get(SEEN_KEY))
    const root = await source.trust(this.seen)
    this.root = root
    this.seen = { version: root.version, cid: trustRootId(root, crypto) }
    return root
  }

  /** INVARIANT: what is in force was remembered in the ledger first. */
  private async putInForce(next: InForce): Promise<void> {
    const { policy, view } = next
    if (policy.cid === this.current?.policy.cid) return
    const announced = await this.parts.ledger.state.get(ANNOUNCED_KEY)
    if (announced !== policy.cid) {
      const { cid, version } = policy
      await this.append({ action: 'activated', cid, version }, [
        { key: HIGHEST_KEY, value: JSON.stringify({ version, cid }) },
        { key: ANNOUNCED_KEY, value: cid },
      ])
    }
    this.current = next
    this.expiryWritten = false
    this.parts.log.info({ cid: policy.cid, version: policy.version }, 'policy in force')
    for (const { agent, untilMs } of observers(policy, this.parts.clock.nowMs()))
      this.parts.log.warn(
        { agent, until: new Date(untilMs).toISOString(), version: policy.version },
        'an agent observes: what no rule reaches passes, up to update',
      )
    this.warnOfStrangers(policy)
    this.parts.announce(view)
  }

  /** Their agents would be refused one by one, and nobody would see why. */
  private warnOfStrangers(policy: ActivePolicy): void {
    for (const { id: agent, identities } of policy.agents.values())
      for (const each of identities)
        if (each.kind === 'issuer' && !this.parts.knowsIssuer(each.issuer))
          this.parts.log.warn(
            { agent, issuer: each.issuer },
            'the policy lets an agent in by an issuer that keeper.identities doesn’t have',
          )
  }

  /** ATTACK: a stolen policy key. Revoking it, or what it sealed, ends what is in force at once and not at its expiry. */
  private async withdrawWhatIsRevoked(trust: TrustRoot): Promise<void> {
    if (this.current === null) return
    try {
      this.current.recheck(trust)
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      const { cid, version } = this.current.policy
      this.current = null
      this.parts.announce(null)
      const fault = keeperFault('policy_withdrawn', `version ${version}: ${error.code}`)
      this.note(fault)
      await this.append({ action: 'withdrawn', cid, version, code: error.code }, [OUT_OF_FORCE])
    }
  }

  /** Says which trust root the policy in force stands under now, where another entry hasn't said it. */
  private async announceTrust(): Promise<void> {
    if (this.current === null) return
    const announced = await this.parts.ledger.state.get(ANNOUNCED_TRUST_KEY)
    if (announced === this.seen?.cid) return
    const { cid, version } = this.current.policy
    await this.append({ action: 'rechecked', cid, version })
  }

  private async refuse(fault: CountersignError): Promise<void> {
    const known = this.lastRefusal
    this.note(fault)
    if (known?.code === fault.code && known.message === fault.message) return
    // Whatever comes into force from nothing is said anew, also what was in force before.
    const changes = this.current === null ? [OUT_OF_FORCE] : []
    await this.append({ action: 'refused', cid: null, version: 0, code: fault.code }, changes)
  }

  private note({ code, message, mend }: CountersignError): void {
    const known = this.lastRefusal
    this.lastRefusal = { code, message, mend, atMs: this.parts.clock.nowMs() }
    if (known?.code === code && known.message === message) return
    this.parts.log.error({ code }, `policy not activated: ${message}`)
  }

  /** An entry about a policy; it says which trust root it was held against, where one was opened. */
  private async append(data: PolicyWords, changes: readonly StateChange[] = []): Promise<void> {
    const { seen } = this
    const trust = seen === null ? {} : { trust: seen.version, root: seen.cid }
    const announced = seen === null ? [] : [{ key: ANNOUNCED_TRUST_KEY, value: seen.cid }]
    await this.parts.ledger.append(
      { type: 'policy', data: { ...data, ...trust } },
      { state: [...changes, ...announced, ...this.memory()] },
    )
  }

  private async highest(): Promise<HighestPolicy | null> {
    const value = await this.parts.ledger.state.get(HIGHEST_KEY)
    return value === undefined ? null : JSON.parse(value)
  }
}

function seenIn(value: string | undefined): SeenTrustRoot | null {
  return value === undefined ? null : JSON.parse(value)
}

function withView({ policy, catalogs, recheck }: OpenedPolicy): InForce {
  const view = {
    cid: policy.cid,
    version: policy.version,
    expiresMs: policy.expiresMs,
    apis: [...policy.apis.values()].map(api => {
      const catalog = catalogs.get(api.catalogDigest)
      if (catalog === undefined) throw keeperFault('policy_unreadable', `catalog ${api.catalogDigest}`)
      return {
        name: api.name,
        catalog,
        origins: api.origins,
        privateUpstream: api.privateUpstream,
      }
    }),
  }
  return { policy, view, recheck }
}
