import { randomUUID } from 'node:crypto'
import { credentialFault } from './error-table.js'
import {
  isDueForRenewal,
  isUsable,
  Lifetimes,
  type LiveCredential,
  type Schedule,
  timerSchedule,
} from './lifetime.js'
import { MintBackoff } from './mint-backoff.js'
import { recorded } from './minted.js'
import type { MinterTable } from './minters.js'
import type {
  CredentialBroker,
  MintedCredential,
  Minter,
  MintOrder,
  MintRecord,
  MintScope,
  RecordedCredential,
} from './ports.js'
import { Recent } from './recent.js'
import { secretGoesTo } from './secret-origin.js'
import { entryFor, type Vault } from './vault.js'
import type { VaultEntry } from './vault-contents.js'

export interface BrokerOptions {
  readonly vault: Pick<Vault, 'entry'>
  readonly minters: MinterTable
  /** Unix milliseconds. */
  readonly clock: () => number
  /** Writes the `mint` entry. Awaited before the credential is used; where it fails, it never is. */
  readonly onMint: (record: MintRecord) => Promise<void>
  /** Ids of `mint` entries; random UUIDs unless told. */
  readonly newMintId?: () => string
  /** Timers of the process unless told. */
  readonly schedule?: Schedule
  /** Credentials remembered; 4,096 unless told. */
  readonly maxCached?: number
}

interface Flight {
  readonly agent: MintScope['agent']
  readonly promise: Promise<RecordedCredential>
  /** Set by a revocation that came while it was in the air. */
  revoked: boolean
}

/** What one `obtain` found out before it looks for a credential. */
interface Request {
  readonly scope: MintScope
  readonly entry: VaultEntry
  readonly minter: Minter
  readonly order: MintOrder
  /** Two requests with the same key may use the same credential. */
  readonly cacheKey: string
  /** Two requests with the same key fail for the same reason. */
  readonly failureKey: string
}

/**
 * The keeper's way to credentials. Every request passes the vault's limits anew; then what is cached for exactly
 * its scope serves it, or one mint that all who ask meanwhile share. Whatever goes wrong is a fault: no request
 * leaves with another credential than its own.
 */
export function credentialBroker(options: BrokerOptions): CredentialBroker {
  const cache = new Recent<string, LiveCredential>(options.maxCached ?? 4_096)
  const flights = new Map<string, Flight>()
  const backoff = new MintBackoff()
  const lifetimes = new Lifetimes(options.schedule ?? timerSchedule)
  const newMintId = options.newMintId ?? randomUUID
  let closed = false

  async function obtain(scope: MintScope): Promise<RecordedCredential> {
    if (closed) throw credentialFault('broker_closed')
    const request = prepared(scope)
    const nowMs = options.clock()
    const live = cache.get(request.cacheKey)
    if (live === undefined || !isUsable(live, nowMs)) return flyToTheEnd(request)
    if (isDueForRenewal(live, nowMs)) renew(request)
    return live.credential
  }

  /**
   * ATTACK: an entry that is taken out of the vault, narrowed or replaced while something is minted from it: what comes of
   * the old one is ended unused, and the vault asked once more.
   */
  async function flyToTheEnd(request: Request): Promise<RecordedCredential> {
    try {
      return await fly(request)
    } catch (error) {
      const anew = prepared(request.scope)
      if (anew.entry.revision === request.entry.revision) throw error
      return fly(anew)
    }
  }

  function prepared(scope: MintScope): Request {
    const minter = minterFor(scope.spec.minter)
    const entry = served(scope)
    const { spec, origin, agent } = scope
    const order = { scope, spec, material: entry.material.reveal(), origins: entry.origins }
    const narrowedTo = minter.dependsOn(order)
    const source = [scope.credential, scope.policyCid, entry.revision, origin, narrowedTo]
    const { id, environment, task, owner } = agent
    return {
      scope,
      entry,
      minter,
      order,
      cacheKey: JSON.stringify([id, environment, task, owner, scope.api, scope.account, ...source]),
      failureKey: JSON.stringify(source),
    }
  }

  function served({ credential, spec, origin, agent }: MintScope): VaultEntry {
    const use = { credential, minter: spec.minter, origins: [secretGoesTo(spec, origin)] }
    return entryFor(options.vault, use, agent.environment)
  }

  function minterFor(kind: MintScope['spec']['minter']): Minter {
    const minter = options.minters[kind] as Minter | undefined
    if (minter === undefined) throw credentialFault('minter_unavailable', kind)
    return minter
  }

  /** Renewal is nobody's wait: where it fails, the credential at hand serves on, and the next mint says why. */
  function renew(request: Request): void {
    fly(request).catch(() => undefined)
  }

  async function fly(request: Request): Promise<RecordedCredential> {
    const underway = flights.get(request.cacheKey)
    if (underway !== undefined) return underway.promise
    backoff.check(request.failureKey, options.clock())
    const flight = takeOff(request)
    flights.set(request.cacheKey, flight)
    try {
      return await flight.promise
    } finally {
      flights.delete(request.cacheKey)
    }
  }

  function takeOff(request: Request): Flight {
    const state = { revoked: false }
    const promise = attempt(request, () => state.revoked)
    return Object.assign(state, { agent: request.scope.agent, promise })
  }

  async function attempt(request: Request, isRevoked: () => boolean): Promise<RecordedCredential> {
    try {
      const credential = await make(request, isRevoked)
      backoff.succeeded(request.failureKey)
      return credential
    } catch (error) {
      if (isRevoked()) throw credentialFault('credential_revoked')
      throw backoff.failed(request.failureKey, error, options.clock())
    }
  }

  /** Mint, record, then release; what can't be released is ended. */
  async function make(request: Request, isRevoked: () => boolean): Promise<RecordedCredential> {
    const mintedMs = options.clock()
    const mint = newMintId()
    const credential = await mintWithAnySecret(request, mint)
    const lifespan = { mintedMs, expiresMs: credential.expiresMs }
    try {
      if (!isUsable(lifespan, options.clock())) throw credentialFault('mint_answer', 'over already')
      if (isRevoked()) throw credentialFault('credential_revoked')
      await written(recordOf(mint, request.scope, credential))
      // INVARIANT: nothing is awaited between these checks and the cache, so that no revocation slips in.
      if (isRevoked()) throw credentialFault('credential_revoked')
      if (served(request.scope).revision !== request.entry.revision)
        throw credentialFault('credential_revoked')
      return kept(request, {
        ...lifespan,
        agent: request.scope.agent,
        credential: recorded(credential, mint),
      })
    } catch (error) {
      await credential.revoke?.().catch(() => undefined)
      throw error
    }
  }

  function kept(request: Request, live: LiveCredential): RecordedCredential {
    lifetimes.begin(live, options.clock())
    const evicted = cache.set(request.cacheKey, live)
    if (evicted !== undefined) void lifetimes.end(evicted)
    return live.credential
  }

  /** After a rotation, an upstream that doesn't know the new secret yet is asked with the one before. */
  async function mintWithAnySecret(
    { minter, order, entry, scope }: Request,
    mintId: string,
  ): Promise<MintedCredential> {
    const { previous } = entry
    try {
      return await minter.mint(order, mintId)
    } catch (error) {
      const mayFallBack = previous !== null && previous.untilMs > scope.nowMs
      if (!mayFallBack || (error as { code?: unknown }).code !== 'mint_refused') throw error
      return minter.mint({ ...order, material: previous.material.reveal() }, mintId)
    }
  }

  async function written(record: MintRecord): Promise<void> {
    try {
      await options.onMint(record)
    } catch {
      throw credentialFault('credential_unrecorded')
    }
  }

  async function reaped(order: Parameters<CredentialBroker['reap']>[0][number]): Promise<number> {
    const { credential, spec, origin, privateUpstream } = order
    const minter = options.minters[spec.minter] as Minter | undefined
    if (minter?.reap === undefined) return 0
    const origins = [secretGoesTo(spec, origin)]
    const entry = entryFor(options.vault, { credential, minter: spec.minter, origins }, null)
    const material = entry.material.reveal()
    return minter.reap({ spec, material, origin, privateUpstream, nowMs: options.clock() })
  }

  return {
    obtain,
    revoke: async ({ agent, task }) => {
      const matches = (held: { readonly agent: MintScope['agent'] }) =>
        (agent === undefined || held.agent.id === agent) && (task === undefined || held.agent.task === task)
      for (const flight of flights.values()) if (matches(flight)) flight.revoked = true
      for (const [key, live] of [...cache.entries()]) if (matches(live)) cache.delete(key)
      await lifetimes.endAll(matches)
    },
    reap: async orders => {
      let count = 0
      const faults: unknown[] = []
      for (const order of orders) {
        if (closed) break
        // One upstream that is down doesn't keep the strays at the others.
        try {
          count += await reaped(order)
        } catch (fault) {
          faults.push(fault)
        }
      }
      if (faults.length > 0) throw faults[0]
      return count
    },
    close: async () => {
      closed = true
      for (const flight of flights.values()) flight.revoked = true
      await Promise.allSettled([...flights.values()].map(({ promise }) => promise))
      await lifetimes.endAll(() => true)
    },
  }
}

function recordOf(id: string, scope: MintScope, credential: MintedCredential): MintRecord {
  const { api, account, agent, policyCid } = scope
  return {
    id,
    minter: credential.minter,
    credential: scope.credential,
    api,
    account,
    scope: credential.scope,
    expiresMs: credential.expiresMs,
    agent,
    policyCid,
  }
}
