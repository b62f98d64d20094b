import type { Command } from 'commander'
import type { Freeze, HaltScope } from '../../keeper/index.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { addOrderOptions, type OrderFlags, signedOrder } from '../operate-order.js'
import { defaultOwner } from '../session-options.js'
import { type AdminOptions, addAdminOptions, adminOf } from './approvals.js'

interface ScopeFlags {
  readonly agent?: string
  readonly task?: string
  readonly all?: true
}

interface StopFlags extends AdminOptions, ScopeFlags {
  readonly because?: string
  readonly by: string
  readonly until?: string
  readonly cut?: true
  readonly json?: true
}

interface GoOnFlags extends AdminOptions, ScopeFlags, OrderFlags {
  readonly json?: true
}

const AFTERWARDS =
  'It takes no key: whoever reaches the keeper may stop, and only the operate role lets things go on.'

const DEFAULT_KEY = `Without --key it is signed with
trust/keys/operate.jwk beside the configuration, where that is there. In production keep the operate key off this host, or
whoever can read it and reaches the keeper lets things go on.`

export function registerHalt(program: Command, io: Io): void {
  scoped(addAdminOptions(program.command('halt')))
    .summary('stop an agent, a task or everything, from the next request on')
    .option('--cut', 'break off what is under way as well; what it has done by then, nobody knows')
    .option('--because <text>', 'why; the agent reads it, and it stands in the receipt')
    .option('--by <person>', 'who halts; stands in the receipt', defaultOwner())
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Its grants are revoked, and the credentials that were minted for them; after \`resume\` it needs a new grant. A restart
doesn't end a halt. ${AFTERWARDS}

Examples:
  countersign halt --agent coder --because 'it goes on deleting'
  countersign halt --agent coder --cut --because 'it goes on deleting'
  countersign halt --all
`,
    )
    .action((flags: StopFlags) => halt(flags, io))
}

export function registerResume(program: Command, io: Io): void {
  addOrderOptions(scoped(addOrigin(addAdminOptions(program.command('resume')))))
    .summary('end a halt, by order of the operate role')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
What was revoked stays so: the agent needs a new grant, from \`grant issue\` or \`exec\`. ${DEFAULT_KEY}

Example:
  countersign resume --agent coder --because 'the task was withdrawn' --key operate.jwk
`,
    )
    .action((flags: GoOnFlags) => resume(flags, io))
}

export function registerFreeze(program: Command, io: Io): void {
  addAdminOptions(program.command('freeze'))
    .summary('let nothing but plain reads pass')
    .option('--until <time>', 'it ends by itself then, such as 2027-01-13T18:00:00Z')
    .option('--because <text>', 'why; the agents read it, and it stands in the receipt')
    .option('--by <person>', 'who freezes; stands in the receipt', defaultOwner())
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Freezing again changes the reason, and may put the end off; it never comes sooner. ${AFTERWARDS} Times that come again belong into the policy: \`during\`.

Example:
  countersign freeze --until 2027-01-13T18:00:00Z --because 'the release is going out'
`,
    )
    .action((flags: StopFlags) => freeze(flags, io))
}

export function registerThaw(program: Command, io: Io): void {
  addOrderOptions(addOrigin(addAdminOptions(program.command('thaw'))))
    .summary('end a freeze, by order of the operate role')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
${DEFAULT_KEY}

Example:
  countersign thaw --because 'the release is out' --key operate.jwk
`,
    )
    .action((flags: GoOnFlags) => thaw(flags, io))
}

/** ATTACK: a keeper that has an order signed for another one: what it is for is never taken from the answer. */
function addOrigin(command: Command): Command {
  return command.option('--origin <name>', 'sidecar that the order is for, instead of the configuration’s')
}

function scoped(command: Command): Command {
  return command
    .option('--agent <id>', 'this agent, in all its tasks')
    .option('--task <task>', 'this task, of any agent')
    .option('--all', 'everything')
}

async function halt(flags: StopFlags, io: Io): Promise<void> {
  const of = scopeOf(flags)
  const said = { of, by: flags.by, because: flags.because, cut: flags.cut === true }
  const answer = (await posted(flags, '/v1/stops/halt', said)) as HaltAnswer
  if (flags.json === true) return printJson(io, answer)
  printLine(io, `Halted: ${words(of)}. Nothing of it passes until \`countersign resume\` ends it.`)
  if (!answer.known) printLine(io, `Is that the one you mean? ${unknownWords(of)}`)
  if (answer.cut !== null) printLine(io, `${answer.cut} request(s) under way were broken off.`)
}

interface HaltAnswer {
  /** Requests that were broken off; null where none were to be. */
  readonly cut: number | null
  /** Whether the policy in force has such an agent, or somebody a grant for such a task. */
  readonly known: boolean
}

function unknownWords(of: HaltScope): string {
  return of.scope === 'task'
    ? 'No grant of that task is known: `countersign grant list`.'
    : 'The policy in force has no such agent: `countersign policy show`.'
}

async function resume(flags: GoOnFlags, io: Io): Promise<void> {
  const of = scopeOf(flags)
  const answer = await posted(
    flags,
    '/v1/stops/resume',
    await signedOrder({ action: 'resume', of }, 'going on', flags, io),
  )
  if (flags.json === true) return printJson(io, answer)
  printLine(io, `Resumed: ${words(of)}. What was revoked stays so; the agent needs a new grant.`)
}

async function freeze(flags: StopFlags, io: Io): Promise<void> {
  const untilMs = flags.until === undefined ? null : timeOf(flags.until)
  const said = { by: flags.by, because: flags.because, untilMs }
  const answer = (await posted(flags, '/v1/stops/freeze', said)) as { readonly freeze: Freeze }
  if (flags.json === true) return printJson(io, answer)
  const { untilMs: endMs } = answer.freeze
  const end = endMs === null ? '`countersign thaw` ends it' : new Date(endMs).toISOString()
  printLine(io, `Frozen until ${end}: only plain reads pass.`)
}

async function thaw(flags: GoOnFlags, io: Io): Promise<void> {
  const answer = await posted(
    flags,
    '/v1/stops/thaw',
    await signedOrder({ action: 'thaw' }, 'going on', flags, io),
  )
  if (flags.json === true) return printJson(io, answer)
  printLine(io, 'Thawed: what the policy allows passes again.')
}

async function posted(flags: AdminOptions, path: string, body: unknown): Promise<unknown> {
  const admin = adminOf(flags)
  return admin.post(path, body).finally(() => admin.close())
}

function scopeOf({ agent, task, all }: ScopeFlags): HaltScope {
  const given = [agent, task, all].filter(each => each !== undefined)
  if (given.length !== 1)
    throw new UsageError(
      'say what is meant',
      'Pass one of --agent ID, --task TASK and --all; `countersign status` lists what is halted.',
    )
  if (agent !== undefined) return { scope: 'agent', agent }
  return task === undefined ? { scope: 'all' } : { scope: 'task', task }
}

function words(of: HaltScope): string {
  switch (of.scope) {
    case 'agent':
      return `agent ${of.agent}`
    case 'task':
      return `task ${of.task}`
    case 'all':
      return 'everything'
  }
}

function timeOf(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (!(ms > Date.now()))
    throw new UsageError(`--until ${text} is no time ahead`, 'Write it with its zone: 2027-01-13T18:00:00Z.')
  return ms
}
