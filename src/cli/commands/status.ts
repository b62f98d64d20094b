import type { Command } from 'commander'
import type { UsedBudget } from '../../keeper/index.js'
import { shown } from '../approval-card.js'
import { loadConfig } from '../config.js'
import { visible } from '../entry-text.js'
import { type Status, statusOf, timeOf } from '../health.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import type { KeeperStatus } from '../keeper-status.js'
import { addConfigOption } from '../session-options.js'

interface StatusOptions {
  readonly config: string
  readonly json?: boolean
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
      const status = await statusOf(loadConfig(options.config))
      if (options.json === true) printJson(io, status)
      else print(status, io)
      if (!status.healthy) throw new AnswerNo()
    })
}

function print({ healthy, problems, warnings, keeper, addresses, missing }: Status, io: Io): void {
  printLine(io, healthy ? 'Healthy.' : 'NOT healthy:')
  for (const problem of problems) printLine(io, `  ! ${visible(problem)}`)
  for (const warning of warnings) printLine(io, `  ~ ${visible(warning)}`)
  if (keeper !== null) printKeeper(keeper, io)
  if (addresses !== null) {
    printLine(io, `  gate        ${addresses.main}${keeper === null ? ', when it ran last' : ''}`)
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
    `  now         ${keeper.openAttempts} open attempt(s), ${keeper.grants} grant(s), ${keeper.approvals} approval(s) pending${supersededWords(keeper)}`,
  )
}

/** A task is what somebody typed when they ordered the grant. */
function printBudget({ agent, task, rule, used, limit, unit, resets_ms }: UsedBudget, io: Io): void {
  const whose = task === null ? agent : `${agent}, task ${shown(task)}`
  const amount = `${used ?? 'unknown'} of ${limit}${unit === null ? '' : ` ${unit}`}`
  printLine(io, `  budget      ${whose}: ${amount} used of ${rule}, the first frees at ${timeOf(resets_ms)}`)
}

/** Their calls have to be repeated, and they go by themselves once they have expired. */
function supersededWords({ supersededApprovals = 0 }: KeeperStatus): string {
  return supersededApprovals === 0 ? '' : `, ${supersededApprovals} more of a policy that was replaced`
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
