import type { Command } from 'commander'
import type { UsedBudget } from '../../keeper/index.js'
import { type RunningSidecar, readRunning } from '../addresses.js'
import { connectAdmin } from '../admin-client.js'
import { shown } from '../approval-card.js'
import { loadConfig } from '../config.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import type { KeeperStatus } from '../keeper-status.js'
import { addConfigOption } from '../session-options.js'

interface StatusOptions {
  readonly config: string
  readonly json?: boolean
}

/** What an operator is told; with `--json`, this document. */
interface Status {
  readonly healthy: boolean
  /** Why it isn't healthy, a sentence each. */
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

export function registerStatus(program: Command, io: Io): void {
  addConfigOption(program.command('status'))
    .summary('show whether the sidecar works, under which policy, and what its ledger holds')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExit code 0: healthy; 1: not, which it is also when policy or enrolment expires within a day. Run it as root or as the keeper’s user.\n\nExample:\n  countersign status --config countersign.yaml\n',
    )
    .action(async (options: StatusOptions) => {
      const status = await statusOf(options.config)
      if (options.json === true) printJson(io, status)
      else print(status, io)
      if (!status.healthy) throw new AnswerNo()
    })
}

async function statusOf(file: string): Promise<Status> {
  const loaded = loadConfig(file)
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
/** The log warns from then on too. */
const AHEAD_MS = 14 * DAY_MS
/** A policy's server that missed so many polls in a row is no passing fault. */
const MISSED_POLLS = 3
/** The same for a place that receipts are shipped to. */
const MISSED_TRIES = 3

function problemsOf(status: KeeperStatus, nowMs: number): string[] {
  const { policy, refusedUpdate, gates, distribution } = status
  const failing = distribution?.failing ?? null
  return [
    ...(policy === null ? ['no policy is in force: every request is refused'] : []),
    ...(policy !== null && policy.expiresMs <= nowMs
      ? ['the policy has expired: every request is denied']
      : []),
    ...(refusedUpdate === null
      ? []
      : [`a newer policy or trust root was refused: ${refusedUpdate.code}: ${refusedUpdate.message}`]),
    ...(status.refusedKeys === null
      ? []
      : [
          `keys that were installed are not in force: ${status.refusedKeys.code}: ${status.refusedKeys.message}`,
        ]),
    ...(status.enrolmentExpiresMs <= nowMs ? ['the enrolment has expired: enrol this instance again'] : []),
    ...endings(status, nowMs)
      .filter(({ leftMs }) => leftMs > 0 && leftMs < DAY_MS)
      .map(({ what, leftMs, mend }) => `the ${what} expires in ${hours(leftMs)}: ${mend}`),
    ...(failing !== null && failing.polls >= MISSED_POLLS
      ? [`the policy can’t be fetched since ${timeOf(failing.sinceMs)}: ${failing.message}`]
      : []),
    ...status.shipping.flatMap(({ name, failing }) =>
      failing === null || failing.tries < MISSED_TRIES
        ? []
        : [`receipts can’t be shipped to ${name} since ${timeOf(failing.sinceMs)}: ${failing.message}`],
    ),
    ...witnessProblems(status),
    ...status.notices.flatMap(({ name, failing }) =>
      failing === null || failing.tries < MISSED_TRIES
        ? []
        : [`people can’t be told through ${name} since ${timeOf(failing.sinceMs)}: ${failing.code}`],
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
      ({ name, sinceMs, message }) => `the witness ${name} since ${timeOf(sinceMs)}: ${message}`,
    ),
  ]
}

function warningsOf(status: KeeperStatus, nowMs: number): string[] {
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
        : [`the witness ${name} gives no cosignature since ${timeOf(failing.sinceMs)}: ${failing.message}`],
    ),
  ]
}

function endings({ policy, enrolmentExpiresMs }: KeeperStatus, nowMs: number) {
  return [
    ...(policy === null
      ? []
      : [
          {
            what: 'policy',
            leftMs: policy.expiresMs - nowMs,
            mend: 'seal the next version, every request is denied afterwards',
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

function print({ healthy, problems, warnings, keeper, addresses, missing }: Status, io: Io): void {
  printLine(io, healthy ? 'Healthy.' : 'NOT healthy:')
  for (const problem of problems) printLine(io, `  ! ${problem}`)
  for (const warning of warnings) printLine(io, `  ~ ${warning}`)
  if (keeper !== null) printKeeper(keeper, io)
  if (addresses !== null) {
    printLine(io, `  gate        ${addresses.main}`)
    for (const [api, url] of Object.entries(addresses.ports)) printLine(io, `              ${url} for ${api}`)
    for (const [api, url] of Object.entries(addresses.tlsPorts ?? {}))
      printLine(io, `              ${url} for ${api}`)
    for (const url of [addresses.tls, addresses.unix]) if (url !== null) printLine(io, `              ${url}`)
  }
  for (const sentence of missing) printLine(io, `  missing     ${sentence}`)
}

function printKeeper(keeper: KeeperStatus, io: Io): void {
  const { policy, refusedUpdate, distribution, head } = keeper
  printLine(
    io,
    policy === null
      ? '  policy      none'
      : `  policy      ${policy.name}, version ${policy.version}, until ${timeOf(policy.expiresMs)}`,
  )
  if (policy !== null) printLine(io, `              ${policy.cid}`)
  if (distribution !== null) printDistribution(distribution, io)
  for (const { agent, untilMs } of policy?.observing ?? [])
    printLine(
      io,
      `  OBSERVING   ${agent}, until ${timeOf(untilMs)}: what no rule reaches passes, up to update`,
    )
  printStops(keeper.stops, io)
  if (refusedUpdate !== null)
    printLine(io, `  refused     ${refusedUpdate.code} at ${timeOf(refusedUpdate.atMs)}`)
  printLine(io, `  ledger      ${keeper.chain}, ${head.size} entries, the newest at ${timeOf(head.t)}`)
  printLine(io, `              root ${head.root}`)
  if (keeper.fullCheck !== null) printFullCheck(keeper.fullCheck, io)
  printArchives(keeper.archives, io)
  for (const sink of keeper.shipping) printShipping(sink, io)
  if (keeper.witnesses !== null) printWitnesses(keeper.witnesses, io)
  printLine(io, `  running     since ${timeOf(keeper.startedMs)}, ${keeper.gates} gate(s) connected`)
  for (const { name, delivered, queued, dropped } of keeper.notices)
    printLine(io, `  notices     ${name}: ${delivered} delivered, ${queued} waiting, ${dropped} dropped`)
  for (const budget of keeper.budgets) printBudget(budget, io)
  printLine(
    io,
    `  now         ${keeper.openAttempts} open attempt(s), ${keeper.grants} grant(s), ${keeper.approvals} approval(s) pending`,
  )
}

/** A task is what somebody typed when they ordered the grant. */
function printBudget({ agent, task, rule, used, limit, unit, resets_ms }: UsedBudget, io: Io): void {
  const whose = task === null ? agent : `${agent}, task ${shown(task)}`
  const amount = `${used ?? 'unknown'} of ${limit}${unit === null ? '' : ` ${unit}`}`
  printLine(io, `  budget      ${whose}: ${amount} used of ${rule}, the first frees at ${timeOf(resets_ms)}`)
}

function haltWords(halt: KeeperStatus['stops']['halts'][number]): string {
  switch (halt.scope) {
    case 'agent':
      return `agent ${halt.agent}`
    case 'task':
      return `task ${halt.task}`
    case 'all':
      return 'everything'
  }
}

/** Words of people; what an agent could have written is never in them. */
function printStops({ halts, freeze }: KeeperStatus['stops'], io: Io): void {
  for (const halt of halts) {
    const what = haltWords(halt)
    printLine(io, `  HALTED      ${what}, since ${timeOf(halt.sinceMs)} by ${halt.by}${whyOf(halt)}`)
  }
  if (freeze === null) return
  const end = freeze.untilMs === null ? '' : `, until ${timeOf(freeze.untilMs)}`
  printLine(io, `  FROZEN      since ${timeOf(freeze.sinceMs)} by ${freeze.by}${end}${whyOf(freeze)}`)
}

function whyOf({ because }: { readonly because: string | null }): string {
  return because === null ? '' : `: ${because}`
}

function printFullCheck(
  { state, size, entries, tables, ofTables, problem, last }: NonNullable<KeeperStatus['fullCheck']>,
  io: Io,
): void {
  const now = {
    waiting: `begins soon: ${size} entries`,
    reading: `${tables} of ${ofTables} tables compared, ${entries} of ${size} entries read`,
    sound: `all ${size} entries that this start found hold`,
    unsound: `NOT sound: ${problem}`,
    unfinished: `NOT finished: ${problem}`,
  }
  printLine(io, `  full check  ${now[state]}`)
  if (last !== null && state !== 'sound')
    printLine(
      io,
      `              the last one: ${last.size} entries at ${timeOf(last.t)}, ${last.sound ? 'sound' : 'NOT sound'}`,
    )
}

function printArchives({ archived, archiving }: KeeperStatus['archives'], io: Io): void {
  if (archived !== null)
    printLine(io, `  archived    ${archived.size} entries, in ${archived.folder} and there alone`)
  if (archiving === null || archiving.state === 'done') return
  const { state, folder, size, entries, problem } = archiving
  printLine(
    io,
    state === 'failed'
      ? `  archiving   FAILED, nothing was deleted: ${problem}`
      : `  archiving   into ${folder}: ${state}, ${entries} of ${size} entries`,
  )
}

function printShipping(
  { name, to, shipped, lag, acknowledges }: KeeperStatus['shipping'][number],
  io: Io,
): void {
  const behind =
    lag.entries === 0 ? 'nothing behind' : `${lag.entries} behind, the oldest ${lag.seconds} s old`
  const word = acknowledges ? 'shipped' : 'sent, unacknowledged,'
  printLine(io, `  shipping    ${name}: ${shipped} ${word} to ${to}, ${behind}`)
}

function printWitnesses(
  { witnessed, witnessedMs, lag, witnesses }: NonNullable<KeeperStatus['witnesses']>,
  io: Io,
): void {
  if (witnessed === null || witnessedMs === null || lag === null)
    printLine(io, '  witnessed   nothing yet: no quorum has cosigned a checkpoint')
  else
    printLine(
      io,
      `  witnessed   ${witnessed} entries since ${timeOf(witnessedMs)}, ${lag.entries} behind${lag.entries === 0 ? '' : `, the oldest ${lag.seconds} s old`}`,
    )
  for (const { name, url, cosigned, failing } of witnesses)
    printLine(
      io,
      `              ${name} at ${url}: ${cosigned ?? 'nothing'} cosigned${failing === null ? '' : `, NOT since ${timeOf(failing.sinceMs)}: ${failing.message}`}`,
    )
}

function printDistribution(distribution: NonNullable<KeeperStatus['distribution']>, io: Io): void {
  const { from, everyMs, lastAnswerMs, failing } = distribution
  const last = lastAnswerMs === null ? 'never answered yet' : `last answered ${timeOf(lastAnswerMs)}`
  printLine(io, `  fetched     from ${from} every ${everyMs / 1_000} s, ${last}`)
  if (failing !== null)
    printLine(io, `              NOT since ${timeOf(failing.sinceMs)}: ${failing.message}`)
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
