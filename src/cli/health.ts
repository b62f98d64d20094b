import { type RunningSidecar, readRunning } from './addresses.js'
import { connectAdmin } from './admin-client.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'
import { keeperSideErrors } from './keeper-side-errors.js'
import { type KeeperStatus, refusedWords } from './keeper-status.js'
import { unservedWords } from './unserved-words.js'

/** What an operator is told; with `--json`, this document. */
export interface Status {
  readonly healthy: boolean
  /** Why it isn't healthy, a sentence each, with what mends it. */
  readonly problems: readonly string[]
  /** What will become a problem, a sentence each; the sidecar is healthy all the same. */
  readonly warnings: readonly string[]
  /** Null where the keeper doesn't answer. */
  readonly keeper: KeeperStatus | null
  /** Null where the sidecar was never started from this configuration. */
  readonly addresses: Omit<RunningSidecar, 'missing'> | null
  /** Protections that this way of running lacks. */
  readonly missing: readonly string[]
}

/** Asks the running keeper, and judges what it says. A keeper that doesn't answer is a problem and no fault. */
export async function statusOf(loaded: LoadedConfig): Promise<Status> {
  const running = orNull(() => readRunning(loaded))
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const answer = await admin.get<KeeperStatus>('/v1/status').catch(asProblem)
    const keeper = answer instanceof UsageError ? null : answer
    const nowMs = Date.now()
    const problems =
      answer instanceof UsageError ? [`${answer.message}. ${answer.mend}`] : problemsOf(answer, nowMs)
    const { missing = [], ...addresses } = running ?? {}
    return {
      healthy: problems.length === 0,
      problems,
      warnings: keeper === null ? [] : warningsOf(keeper, nowMs),
      keeper,
      addresses: running === null ? null : (addresses as RunningSidecar),
      missing: [...missing, ...(keeper?.missing ?? [])],
    }
  } finally {
    await admin.close()
  }
}

function asProblem(error: unknown): UsageError {
  if (error instanceof UsageError) return error
  throw error
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

const DAY_MS = 86_400_000
/** An end that is nearer than this is warned of; by the log too. */
export const AHEAD_MS = 14 * DAY_MS
/** A policy's server that missed so many polls in a row is no passing fault. */
const MISSED_POLLS = 3
/** The same for a place that receipts are shipped to. */
const MISSED_TRIES = 3

/** Why the sidecar isn't healthy at this time, a sentence each, with what mends it where a code says so. */
export function problemsOf(status: KeeperStatus, nowMs: number): string[] {
  const { policy, refusedUpdate, gates, distribution, head } = status
  const failing = distribution?.failing ?? null
  return [
    ...(policy === null
      ? [`no policy is in force: every request is refused. ${missingPolicyWords(refusedUpdate)}`]
      : []),
    ...(policy !== null && policy.expiresMs <= nowMs
      ? [`the policy has expired: every request is denied. ${NEXT_POLICY}`]
      : []),
    // No request is admitted meanwhile, and heartbeats go on as if nothing were the matter.
    ...(head.t > nowMs
      ? [
          `clock_behind: the clock says ${timeOf(nowMs)} and the newest entry of the ledger ${timeOf(head.t)}: every request is denied until the clock has passed it. Set the clock of this host right; where it was ahead before, wait`,
        ]
      : []),
    ...(refusedUpdate === null
      ? []
      : [`a newer policy or trust root was refused: ${refusedWords(refusedUpdate)}`]),
    ...(status.refusedKeys === null
      ? []
      : [`keys that were installed are not in force: ${refusedWords(status.refusedKeys)}`]),
    ...(status.enrolmentExpiresMs <= nowMs ? ['the enrolment has expired: enrol this instance again'] : []),
    ...status.unserved.map(unservedWords).map(({ message, mend }) => `${message} ${mend}`),
    ...endings(status, nowMs)
      .filter(({ leftMs }) => leftMs > 0 && leftMs < DAY_MS)
      .map(({ what, leftMs, mend }) => `the ${what} expires in ${hours(leftMs)}: ${mend}`),
    ...(failing !== null && failing.polls >= MISSED_POLLS
      ? [`the policy can’t be fetched since ${timeOf(failing.sinceMs)}: ${failing.message}`]
      : []),
    ...status.shipping.flatMap(({ name, failing }) =>
      failing === null || failing.tries < MISSED_TRIES
        ? []
        : [
            `receipts can’t be shipped to ${name} since ${timeOf(failing.sinceMs)}: ${failing.message}${mendOf(failing.code)}`,
          ],
    ),
    ...witnessProblems(status),
    ...status.notices.flatMap(({ name, failing }) =>
      failing === null || failing.tries < MISSED_TRIES
        ? []
        : [
            `people can’t be told through ${name} since ${timeOf(failing.sinceMs)}: ${failing.code}.${mendOf(failing.code)}`,
          ],
    ),
    ...(gates === 0 ? ['no gate is connected: agents get no answer'] : []),
  ]
}

/** Fewer than a quorum, or one that contradicts the ledger: the others make up for a witness that is merely away. */
function witnessProblems({ witnesses }: KeeperStatus): string[] {
  if (witnesses === null) return []
  const failing = witnesses.witnesses.flatMap(({ name, failing: fault }) =>
    fault === null || fault.tries < MISSED_TRIES ? [] : [{ name, ...fault }],
  )
  const contradicting = failing.filter(({ code }) => code === 'witness_ahead' || code === 'witness_refused')
  return [
    ...(witnesses.witnessed === null && failing.length > 0
      ? ['no quorum of witnesses has cosigned this log']
      : []),
    ...contradicting.map(
      ({ name, sinceMs, code, message }) =>
        `the witness ${name} since ${timeOf(sinceMs)}: ${message}${mendOf(code)}`,
    ),
  ]
}

/** What will become a problem, a sentence each. */
export function warningsOf(status: KeeperStatus, nowMs: number): string[] {
  return [
    ...endings(status, nowMs)
      .filter(({ leftMs }) => leftMs >= DAY_MS && leftMs < AHEAD_MS)
      .map(
        ({ what, leftMs, mend }) => `the ${what} expires in ${Math.floor(leftMs / DAY_MS)} day(s): ${mend}`,
      ),
    ...(status.fullCheck?.state === 'unfinished'
      ? [`the whole ledger could not be read since the last start: ${status.fullCheck.problem}`]
      : []),
    ...(status.witnesses?.witnesses ?? []).flatMap(({ name, failing }) =>
      failing === null || failing.tries < MISSED_TRIES
        ? []
        : [
            `the witness ${name} gives no cosignature since ${timeOf(failing.sinceMs)}: ${failing.message}${mendOf(failing.code)}`,
          ],
    ),
  ]
}

/** What mends a fault, behind its message; nothing where the code is none of the keeper's. */
function mendOf(code: string): string {
  return Object.hasOwn(keeperSideErrors, code) ? ` ${keeperSideErrors[code]?.mend}` : ''
}

/** To seal another policy helps nobody where these keep out the one that is there. */
const KEPT_OUT: ReadonlySet<string> = new Set(['signatures_short', 'enrolled_key_revoked'])

function missingPolicyWords(refused: KeeperStatus['refusedUpdate']): string {
  return refused !== null && KEPT_OUT.has(refused.code)
    ? 'The one that is there may be right: the next line says what keeps it out'
    : SOME_POLICY
}

/** Where a keeper never had a policy, or can't use the one that it finds. */
const SOME_POLICY =
  'Seal one where `policy` in the configuration looks for it: `countersign policy seal SOURCE --key KEY -o FILE`, and `--next` where there was one before'

/** What is to follow a policy that is over, or soon will be. */
export const NEXT_POLICY =
  'Seal the next version, with a later `expires`: `countersign policy seal SOURCE --key KEY --next -o FILE`'

function endings({ policy, enrolmentExpiresMs }: KeeperStatus, nowMs: number) {
  return [
    ...(policy === null
      ? []
      : [
          {
            what: 'policy',
            leftMs: policy.expiresMs - nowMs,
            mend: `every request is denied afterwards. ${NEXT_POLICY}`,
          },
        ]),
    {
      what: 'enrolment',
      leftMs: enrolmentExpiresMs - nowMs,
      mend: 'enrol this instance again (`countersign trust request`), it doesn’t start afterwards',
    },
  ]
}

function hours(ms: number): string {
  return ms < 3_600_000 ? 'less than an hour' : `${Math.floor(ms / 3_600_000)} hour(s)`
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
