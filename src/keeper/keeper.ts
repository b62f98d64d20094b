import type { IdentityVerifier, UnservedUse } from '../credential/index.js'
import type { Cosigning, Shipping } from '../ledger/index.js'
import type { PolicyView } from '../link/index.js'
import {
  type ActivePolicy,
  type SignedGrantOrder,
  type SignedOperateOrder,
  standingGroups,
  type TrustRoot,
} from '../policy/index.js'
import { Activation, type SealedSource } from './activation.js'
import { type AdminParts, type AdminServer, serveAdmin } from './admin.js'
import { Admission } from './admit.js'
import { announceFullCheck, announceShipping, announceWitnesses } from './announcements.js'
import { Approvals } from './approvals.js'
import { Archives } from './archives.js'
import { usedBudgets } from './budgets.js'
import { Chores } from './chores.js'
import { Counters } from './counters.js'
import { Erasures } from './erasures.js'
import { closingNotice, EvidenceAlarm, refusedNotice, troublesOf } from './evidence-alarm.js'
import { type Ending, ExpiryAlarm } from './expiry-alarm.js'
import { Grants, type Revocations } from './grants.js'
import type { LinkHandlers, LinkServer } from './link-server.js'
import { listenForGates } from './link-server.js'
import { approvalNotice, stopNotice } from './notice-words.js'
import { type Notice, type NoticePlace, Notices } from './notices.js'
import { OpenAttempts } from './open-attempts.js'
import { OperateOrders } from './operate-orders.js'
import { podGrants } from './pod-grants.js'
import type { EvidenceFollowers, KeeperPorts } from './ports.js'
import { type ProbeBounds, Probing } from './probing.js'
import { type RateBounds, RefusalRate } from './refusal-rate.js'
import { type RemoteAdminOptions, serveRemoteAdmin } from './remote-admin.js'
import { Settlement } from './settle.js'
import { SpentSignatures } from './spent-signatures.js'
import { Stops } from './stops.js'
import { type InstanceKeys, Succession } from './succession.js'
import { SUPPRESSION, Suppression, type SuppressionBounds } from './suppressed.js'

export interface KeeperOptions extends KeeperPorts {
  readonly linkSocket: string
  readonly adminSocket: string
  /** Where people on other machines reach a part of the admin API; null or absent where they don't. */
  readonly remoteAdmin?: RemoteAdminOptions | null
  readonly policySource: SealedSource
  /** Opens a grant order against the trust root: fresh, to this sidecar, by the `enrol` role; see `openGrantOrder`. */
  readonly openOrder: (envelope: Uint8Array, trust: TrustRoot) => SignedGrantOrder
  /** Opens an operate order likewise: by the `operate` role; see `openOperateOrder`. */
  readonly openOperateOrder: (envelope: Uint8Array, trust: TrustRoot) => SignedOperateOrder
  /** The same set that the grant verifier asks; see `loadRevocations`. */
  readonly revocations: Revocations
  /** This sidecar’s keys, and those that follow them. */
  readonly instanceKeys: InstanceKeys
  /** Takes identities that others vouch for as grants; only this sidecar's own grants unless told. */
  readonly identities?: IdentityVerifier | null
  /** Between two `heartbeat` entries; 60,000 unless told. */
  readonly heartbeatMs?: number
  /** Protections that this way of running lacks, for `status`: a sentence each. */
  readonly missing?: readonly string[]
  /** What the policy in force would use and the vault has no secret for, for `status`; nothing unless told. */
  readonly unserved?: (policy: ActivePolicy) => readonly UnservedUse[]
  /** A gate must settle an attempt by then; 3,900,000 unless told: longer than the longest upstream timeout. */
  readonly attemptDeadlineMs?: number
  /** Between two looks at what is about to expire; 60,000 unless told. */
  readonly lookAheadMs?: number
  /** How long `stop` waits for open attempts, and then half as long for revocations; 10,000 unless told. */
  readonly drainMs?: number
  readonly suppression?: SuppressionBounds
  readonly refusalRate?: RateBounds
  readonly probeBounds?: ProbeBounds
  /** What follows the ledger, for the bounds that a policy sets; nothing does unless told. */
  readonly followers?: EvidenceFollowers
  /** Ships the ledger off the host; ended here, behind the last entry. Null where the configuration names no place. */
  readonly shipping?: Shipping | null
  /** Where people are told of approvals and stops; nowhere unless told. */
  readonly noticePlaces?: readonly NoticePlace[]
  /** Asks witnesses; ended here, behind the last entry. Null where the configuration names none. */
  readonly cosigning?: Cosigning | null
}

export interface Keeper {
  readonly activation: Activation
  /**
   * Admits nothing more, waits a bounded time for open attempts, closes the rest as `indeterminate`, revokes what
   * was minted and closes the ledger. Loses no receipt.
   */
  stop(): Promise<void>
  /** Resolves when people were told of what has happened so far, or the time is over. */
  told(withinMs: number): Promise<void>
}

const SWEEP_MS = 1_000
const HEARTBEAT_MS = 60_000
/** A keeper that stops waits so long for its last notices, and for no place that doesn't answer. */
const LAST_NOTICES_MS = 2_000

/**
 * Starts the keeper over its ports: loads the durable state, puts the policy in force, then listens. Without a good
 * policy it listens all the same and admits nothing, so that one can be loaded.
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const { ledger, clock, log, random, crypto, awsKeys } = options
  const open = new OpenAttempts()
  const counters = await Counters.load(ledger.state)
  const spent = await SpentSignatures.load(ledger.state)
  const bounds = options.suppression ?? SUPPRESSION
  const suppression = new Suppression(ledger, clock, bounds)
  const { probeBounds } = options
  const probing = new Probing({ ...options, ...(probeBounds === undefined ? {} : { bounds: probeBounds }) })
  const settlement = new Settlement({ ledger, crypto, clock, log, counters, open, probing })
  let link: LinkServer | undefined
  const announce = (view: PolicyView | null) => link?.announce(view)
  const knowsIssuer = (issuer: string) => options.identities?.knows(issuer) ?? false
  const activation = new Activation({
    ...{ ledger, crypto: options.crypto, clock, log, knowsIssuer, announce },
    source: options.policySource,
  })
  let stops: Stops | undefined
  const notices = new Notices({ places: options.noticePlaces ?? [], clock, log })
  const raise = (notice: Notice | null): void => {
    if (notice !== null) notices.raise({ ...notice, data: { log: ledger.chain, ...notice.data } })
  }
  const approvals = await Approvals.load({
    ledger,
    onStep: (approval, body, t) => raise(approvalNotice(approval, body, t)),
    isStopped: statement => stops?.isStopped(statement) === true,
    origin: ledger.chain.replace(/\/[^/]+$/, ''),
    crypto,
    clock,
    random,
    log,
    groupsOf: cid => {
      const policy = activation.inForce()
      const trust = activation.trust()
      if (policy?.cid !== cid || trust === null) return null
      // ATTACK: an approver's stolen key, which the trust root has revoked before the next policy is sealed without it.
      return standingGroups(policy.approvers, trust)
    },
  })
  const grants = await Grants.load(
    { ...options, policies: activation, isHalted: of => stops?.haltOf(of) != null },
    options.revocations,
  )
  const orders = await OperateOrders.load({
    ledger,
    crypto,
    clock,
    trust: () => activation.trust(),
    openOrder: options.openOperateOrder,
  })
  const erasures = await Erasures.load({ ledger, orders, approvals })
  const archives = new Archives({
    ledger,
    orders,
    cosigning: options.cosigning ?? null,
    shipping: options.shipping ?? null,
    log,
  })
  stops = await Stops.load({
    ledger,
    clock,
    log,
    orders,
    grants,
    onStop: (body, seq, t) => raise(stopNotice(body, seq, t)),
    interrupt: () => approvals.interrupt(),
    cut: (concerns, because) => {
      const attempts = open.of(concerns)
      link?.cut(attempts, because)
      return attempts.length
    },
  })
  const { identities = null, verifier: own } = options
  const admission = new Admission({
    ...options,
    verifier: identities === null ? own : podGrants({ own, identities, policies: activation, grants }),
    policies: activation,
    counters,
    spent,
    followers: {
      witnesses: options.followers?.witnesses ?? options.cosigning ?? null,
      shipping: options.followers?.shipping ?? options.shipping ?? null,
    },
    approvals,
    stops,
    probing,
    suppression,
    refusals: new RefusalRate(options.refusalRate),
    open,
    settlement,
    attemptDeadlineMs: options.attemptDeadlineMs ?? 3_900_000,
  })
  const chores = new Chores(options)
  const announceKeys = () => link?.greetAgain()
  const succession = new Succession({
    ledger,
    keys: options.instanceKeys,
    clock,
    log,
    announce: announceKeys,
  })
  // Watched before it is read, so that no change falls in between.
  const look = () => chores.run(() => reloadAll(activation, succession))
  const watches = [options.policySource.watch(look), options.instanceKeys.watch(look)]
  await reloadAll(activation, succession)
  link = await listenForGates({
    socketPath: options.linkSocket,
    chain: ledger.chain,
    policy: activation.view(),
    enrolmentExpiresMs: () => succession.expiresMs(),
    handlers: handlersOf(admission, settlement, approvals, chores),
  })
  const listening = link
  const startedMs = clock.nowMs()
  const admin = await serveAdmins(options, {
    ledger,
    cosigning: options.cosigning ?? null,
    activation,
    succession,
    clock,
    grants,
    awsKeys,
    approvals,
    stops,
    erasures,
    archives,
    log,
    facts: () => ({
      gates: listening.gates,
      openAttempts: open.size,
      notices: notices.status(),
      budgets: usedBudgets(activation.inForce()?.budgets ?? new Map(), counters.inUse(clock.nowMs())),
      startedMs,
      shipping: options.shipping?.status() ?? [],
      witnesses: options.cosigning?.status() ?? null,
      fullCheck: ledger.fullCheck(),
      missing: options.missing ?? [],
      unserved: unservedBy(options, activation.inForce()),
    }),
  }).catch(async error => {
    await listening.close()
    throw error
  })
  approvals.retell()
  chores.every(SWEEP_MS, () => settlement.sweep())
  chores.every(SWEEP_MS, () => approvals.expire())
  chores.every(SWEEP_MS, () => grants.writeRevoked())
  chores.every(HEARTBEAT_MS, async () => counters.dropAllLapsed(clock.nowMs()))
  chores.every(SWEEP_MS, () => activation.noteExpiry())
  const { shipping, cosigning } = options
  if (shipping != null) chores.every(SWEEP_MS, async () => announceShipping(shipping, activation, listening))
  if (cosigning != null) chores.every(SWEEP_MS, async () => announceWitnesses(cosigning, listening))
  if (ledger.fullCheck() !== null) chores.every(SWEEP_MS, async () => announceFullCheck(ledger, listening))
  void ledger.failed.then(({ code }) =>
    raise(refusedNotice(code, ledger.chain, ledger.head().size, clock.nowMs())),
  )
  const evidence = new EvidenceAlarm(raise)
  chores.every(SWEEP_MS, async () =>
    evidence.look(troublesOf(options, activation.inForce()?.evidence ?? null, clock.nowMs()), clock.nowMs()),
  )
  const alarm = new ExpiryAlarm(log)
  const lookAhead = async () => alarm.look(endingsOf(activation, succession.expiresMs()), clock.nowMs())
  chores.run(lookAhead)
  chores.every(options.lookAheadMs ?? 60_000, lookAhead)
  chores.every(bounds.intervalMs, () => suppression.flush())
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
  chores.every(heartbeatMs, () => beat(options, heartbeatMs, open, activation))
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    raise(closingNotice(ledger.chain, ledger.head().size, clock.nowMs()))
    for (const unwatch of watches) unwatch()
    chores.end()
    await succession.settled()
    approvals.endWatches()
    const drainMs = options.drainMs ?? 10_000
    try {
      await drain(listening, admin, open, drainMs)
      await settlement.abandon()
      await suppression.flush()
      // An upstream that doesn't answer must not cost the ledger its close: what lives on, the next start reaps.
      await atMost(
        drainMs / 2,
        options.broker.close().catch(error => chores.failed(error)),
      )
      await listening.close()
    } finally {
      await notices.settled(LAST_NOTICES_MS)
      await notices.stop()
      await ledger.close(async () => {
        await Promise.all([shipping?.stop(), cosigning?.stop()])
      })
    }
  }
  return {
    activation,
    stop: () => (stopping ??= stop()),
    told: withinMs => notices.settled(withinMs),
  }
}

function unservedBy({ unserved }: KeeperOptions, policy: ActivePolicy | null): readonly UnservedUse[] {
  return policy === null ? [] : (unserved?.(policy) ?? [])
}

function handlersOf(
  admission: Admission,
  settlement: Settlement,
  approvals: Approvals,
  chores: Chores,
): LinkHandlers {
  return {
    admit: (request, from) => admission.admit(request, from),
    settle: (request, from) => settlement.settle(request, from),
    watch: async ({ call, approval }, from) => {
      const change = await approvals.watch(approval, from)
      return { type: 'watched', call, change }
    },
    gateGone: (from, fault) => {
      approvals.unwatch(from)
      if (fault !== null) chores.failed(fault)
      // Also while the keeper stops: it would wait in vain for what nobody settles any more.
      settlement.gateGone(from).catch(error => chores.failed(error))
    },
    failed: error => chores.failed(error),
  }
}

/** The socket, and other machines where they are let in. */
async function serveAdmins(options: KeeperOptions, parts: AdminParts): Promise<AdminServer> {
  const local = await serveAdmin(options.adminSocket, parts)
  if (options.remoteAdmin == null) return local
  const remote = await serveRemoteAdmin(options.remoteAdmin, parts).catch(async error => {
    await local.close()
    throw error
  })
  return { close: async () => void (await Promise.all([local.close(), remote.close()])) }
}

async function drain(
  link: LinkServer,
  admin: AdminServer,
  open: OpenAttempts,
  drainMs: number,
): Promise<void> {
  link.drain()
  await admin.close()
  await atMost(drainMs, lastAnswer(link, open))
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}

/** Admits that are still under way open attempts, which are then settled by calls that are answered in turn. */
async function lastAnswer(link: LinkServer, open: OpenAttempts): Promise<void> {
  await link.idle()
  await open.settled()
  await link.idle()
}

/** Keys that were revoked with the new trust root withdraw the policy first, and may have their successors beside them. */
async function reloadAll(activation: Activation, succession: Succession): Promise<void> {
  await activation.reload()
  if (await succession.reload(activation.trust())) await activation.reload()
}

function endingsOf(activation: Activation, enrolmentExpiresMs: number): readonly Ending[] {
  const policy = activation.inForce()
  return [
    { what: 'enrolment', id: String(enrolmentExpiresMs), expiresMs: enrolmentExpiresMs },
    ...(policy === null ? [] : [{ what: 'policy' as const, id: policy.cid, expiresMs: policy.expiresMs }]),
  ]
}

/** Silence is evidence too: a log that stops beating was stopped or cut. */
async function beat(
  { ledger }: KeeperOptions,
  everyMs: number,
  open: OpenAttempts,
  activation: Activation,
): Promise<void> {
  const policy = activation.inForce()
  await ledger.append(
    {
      type: 'heartbeat',
      data: {
        size: ledger.head().size,
        open: open.size,
        every: everyMs,
        ...(policy === null ? {} : { policy: policy.cid }),
      },
    },
    { urgency: 'soon', state: activation.memory() },
  )
}
