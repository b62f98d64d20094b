import type { Command } from 'commander'
import { type RunningSidecar, readRunning } from '../addresses.js'
import { connectAdmin } from '../admin-client.js'
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
      '\nExit code 0: healthy; 1: not. Run it as root or as the keeper’s user.\n\nExample:\n  countersign status --config countersign.yaml\n',
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
    const problems =
      answer instanceof UsageError ? [`${answer.message}. ${answer.mend}`] : problemsOf(answer, Date.now())
    const { missing = [], ...addresses } = running ?? {}
    return {
      healthy: problems.length === 0,
      problems,
      keeper,
      addresses: running === null ? null : (addresses as RunningSidecar),
      missing,
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

function problemsOf({ policy, refusedUpdate, gates }: KeeperStatus, nowMs: number): string[] {
  return [
    ...(policy === null ? ['no policy is in force: every request is refused'] : []),
    ...(policy !== null && policy.expiresMs <= nowMs
      ? ['the policy has expired: every request is denied']
      : []),
    ...(refusedUpdate === null
      ? []
      : [`a newer policy or trust root was refused: ${refusedUpdate.code}: ${refusedUpdate.message}`]),
    ...(gates === 0 ? ['no gate is connected: agents get no answer'] : []),
  ]
}

function print({ healthy, problems, keeper, addresses, missing }: Status, io: Io): void {
  printLine(io, healthy ? 'Healthy.' : 'NOT healthy:')
  for (const problem of problems) printLine(io, `  ! ${problem}`)
  if (keeper !== null) printKeeper(keeper, io)
  if (addresses !== null) {
    printLine(io, `  gate        ${addresses.main}`)
    for (const [api, url] of Object.entries(addresses.ports)) printLine(io, `              ${url} for ${api}`)
    for (const url of [addresses.tls, addresses.unix]) if (url !== null) printLine(io, `              ${url}`)
  }
  for (const sentence of missing) printLine(io, `  missing     ${sentence}`)
}

function printKeeper(keeper: KeeperStatus, io: Io): void {
  const { policy, refusedUpdate, head } = keeper
  printLine(
    io,
    policy === null
      ? '  policy      none'
      : `  policy      ${policy.name}, version ${policy.version}, until ${timeOf(policy.expiresMs)}`,
  )
  if (policy !== null) printLine(io, `              ${policy.cid}`)
  for (const { agent, untilMs } of policy?.observing ?? [])
    printLine(
      io,
      `  OBSERVING   ${agent}, until ${timeOf(untilMs)}: what no rule reaches passes, up to update`,
    )
  if (refusedUpdate !== null)
    printLine(io, `  refused     ${refusedUpdate.code} at ${timeOf(refusedUpdate.atMs)}`)
  printLine(io, `  ledger      ${keeper.chain}, ${head.size} entries, the newest at ${timeOf(head.t)}`)
  printLine(io, `              root ${head.root}`)
  printLine(io, `  running     since ${timeOf(keeper.startedMs)}, ${keeper.gates} gate(s) connected`)
  printLine(
    io,
    `  now         ${keeper.openAttempts} open attempt(s), ${keeper.grants} grant(s), ${keeper.approvals} approval(s) pending`,
  )
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
