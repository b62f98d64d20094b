import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ApprovalSummary, ShownApproval } from '../../keeper/index.js'
import { type AdminClient, connectAdmin } from '../admin-client.js'
import { approvalCard, checkApproval, isUseless, neededWords, shown, stateWords } from '../approval-card.js'
import { loadConfig } from '../config.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { group } from '../program-group.js'
import { connectRemoteKeeper, isRemote, type RemoteFlags } from '../remote-keeper.js'
import { addConfigOption } from '../session-options.js'

export interface AdminOptions extends RemoteFlags {
  readonly config: string
  /** Path of a socket, or `https://host:port`. */
  readonly admin?: string
}

interface ApprovalOptions extends AdminOptions {
  readonly json?: true
}

interface ShowOptions extends ApprovalOptions {
  readonly whole?: true
}

interface WaitOptions extends ApprovalOptions {
  readonly timeout: string
}

const EVERY_MS = 500

export function registerApprovals(program: Command, io: Io): void {
  const approvals = group(program, 'approvals', 'see what waits for a person')
  addAdminOptions(approvals.command('list'))
    .summary('list held requests that wait for approval or for their use, oldest first')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign approvals list\n')
    .action((options: ApprovalOptions) => list(options, io))
  addAdminOptions(approvals.command('show'))
    .summary('show everything that one approval is bound to')
    .argument('<id>', 'its id, from `approvals list`')
    .option('--whole', 'cut no value, however long')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExit code 1: nothing with this id waits.\n\nExample:\n  countersign approvals show 0198c3a2-…\n',
    )
    .action((id: string, options: ShowOptions) => show(id, options, io))
  addAdminOptions(approvals.command('wait'))
    .summary('wait until people have decided')
    .argument('<id>', 'its id, from `approvals list` or the refusal')
    .option('--timeout <seconds>', 'give up then', '600')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Exit code 0 once it is approved, used since or not: the same call passes. 1 where it was rejected, has expired or the time was up.

Example:
  countersign approvals wait 0198c3a2-… --timeout 120
`,
    )
    .action((id: string, options: WaitOptions) => wait(id, options, io))
}

export function addAdminOptions(command: Command): Command {
  return addConfigOption(command)
    .option(
      '--admin <keeper>',
      'the keeper itself: its admin socket, such as one that a tunnel ends in, or https://HOST:PORT',
    )
    .option('--client-cert <file>', 'with https://: your machine’s certificate, PEM')
    .option('--client-key <file>', 'with https://: its private key, PEM, mode 0600')
    .option('--ca <file>', 'with https://: the CA, PEM, of the keeper’s certificate, instead of the system’s')
}

/** The keeper that is named, or that of the configuration. */
export function adminOf(options: AdminOptions): AdminClient {
  const { admin, config, clientCert, clientKey, ca } = options
  if (admin !== undefined && isRemote(admin)) return connectRemoteKeeper(admin, options)
  if ([clientCert, clientKey, ca].some(each => each !== undefined))
    throw new UsageError(
      'certificates are for a keeper on another machine',
      'Pass --admin https://HOST:PORT with them, or leave --client-cert, --client-key and --ca out.',
    )
  if (admin !== undefined) return connectAdmin(admin)
  const loaded = loadConfig(config)
  return connectAdmin(loaded.path(loaded.config.keeper.admin))
}

/** Everything that is bound to it, and who has agreed; null where nothing with this id waits. */
export async function approvalOf(admin: AdminClient, id: string): Promise<ShownApproval | null> {
  const found = await lookedUp(admin, id)
  return found === 'used' ? null : found
}

async function lookedUp(admin: AdminClient, id: string): Promise<ShownApproval | 'used' | null> {
  try {
    return (await admin.get<{ approval: ShownApproval }>(`/v1/approvals/${encodeURIComponent(id)}`)).approval
  } catch (error) {
    if ((error as Error).message.startsWith('approval_unknown')) return null
    if ((error as Error).message.startsWith('approval_used')) return 'used'
    throw error
  }
}

async function list(options: ApprovalOptions, io: Io): Promise<void> {
  const admin = adminOf(options)
  const { approvals } = await admin
    .get<{ approvals: readonly ApprovalSummary[] }>('/v1/approvals')
    .finally(() => admin.close())
  if (options.json === true) return printJson(io, { approvals })
  for (const approval of approvals) {
    const { id, agent, task, rule } = approval
    printLine(
      io,
      `${id}  ${shown(agent)}  ${shown(task)}  ${namesOf(approval.operations, approval.operationCount)}`,
    )
    if (approval.resourceCount > 0)
      printLine(io, `  on ${namesOf(approval.resources, approval.resourceCount)}`)
    printLine(io, `  held by ${shown(rule ?? 'a limit')}, ${stateWords(approval, Date.now())}`)
    printLine(io, `  needs ${neededWords(approval)}`)
  }
  if (approvals.length === 0) printLine(io, 'Nothing waits for approval.')
}

/** Names in a row; what is beyond them in all is counted. */
function namesOf(names: readonly string[], all: number): string {
  const more = all - names.length
  return `${names.map(each => shown(each)).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

async function show(id: string, options: ShowOptions, io: Io): Promise<void> {
  const admin = adminOf(options)
  const approval = await approvalOf(admin, id).finally(() => admin.close())
  if (approval === null) {
    if (options.json === true) printJson(io, { approval: null })
    else printLine(io, `No approval ${shown(id)} waits; it may have been used or have expired.`)
    throw new AnswerNo()
  }
  checkApproval(approval)
  if (options.json === true) return printJson(io, { approval })
  const { lines, cut } = approvalCard(approval, Date.now(), { whole: options.whole === true })
  for (const line of lines) printLine(io, line)
  if (cut.length > 0) printLine(io, `\n${cutWords(cut)} Show all of it with --whole.`)
}

const MAX_LISTED = 10

/** Which values the card doesn't show to their end, in one sentence. */
export function cutWords(cut: readonly string[]): string {
  const more = cut.length > MAX_LISTED ? ` and ${cut.length - MAX_LISTED} more` : ''
  return `Not shown to the end: ${cut.slice(0, MAX_LISTED).join(', ')}${more}.`
}

async function wait(id: string, options: WaitOptions, io: Io): Promise<void> {
  const untilMs = Date.now() + 1_000 * secondsOf(options.timeout)
  const admin = adminOf(options)
  try {
    for (;;) {
      const approval = await lookedUp(admin, id)
      if (approval === 'used') {
        if (options.json === true) printJson(io, { state: 'used' })
        else printLine(io, 'It was approved, and its call has passed.')
        return
      }
      const waits = approval?.state === 'requested' && !isUseless(approval)
      if (waits && Date.now() < untilMs) {
        await sleep(EVERY_MS)
        continue
      }
      if (options.json === true) printJson(io, { state: approval?.state ?? 'gone' })
      else if (approval === null)
        printLine(io, `No approval ${shown(id)} waits: it has expired, was used long ago, or never was.`)
      else printLine(io, stateWords(approval, Date.now()))
      if (approval?.state !== 'approved' || isUseless(approval)) throw new AnswerNo()
      return
    }
  } finally {
    await admin.close()
  }
}

function secondsOf(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text))
    throw new UsageError(`--timeout ${text} is no number of seconds`, 'Write it as --timeout 120.')
  return Number(text)
}
