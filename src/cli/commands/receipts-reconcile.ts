import type { Command } from 'commander'
import { loadConfig } from '../config.js'
import { word } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { consultPolicy } from '../policy-file.js'
import { sealedFileOf } from '../policy-location.js'
import { group } from '../program-group.js'
import { progress } from '../progress.js'
import { openReceipts } from '../receipt-source.js'
import { readTrail } from '../reconcile/cloudtrail.js'
import { type Reconciliation, reconcile, TRAIL_FINDINGS, type TrailFinding } from '../reconcile/reconcile.js'
import { addConfigOption } from '../session-options.js'
import { addSourceOptions, type SourceFlags } from '../source-options.js'

interface ReconcileFlags extends SourceFlags {
  readonly cloudtrail: readonly string[]
  readonly policy?: string
  readonly role?: readonly string[]
  readonly forbid?: readonly string[]
  readonly json?: true
}

/** Findings that are written out; the rest are counted. */
const MOST_SHOWN = 50

export function registerReceiptsReconcile(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  addSourceOptions(addConfigOption(receipts.command('reconcile')))
    .summary('ask AWS’s own log whether anything went around the sidecar')
    .requiredOption('--cloudtrail <path...>', 'files of CloudTrail, or folders of them; gzipped or not')
    .option(
      '--policy <file>',
      'policy whose AWS roles only the sidecar may assume; that of the configuration by default',
    )
    .option('--role <arn...>', 'such roles by name, instead of a policy’s')
    .option('--forbid <arn...>', 'other principals that agents must not be, with * for any text')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
The name of a role's session is the id of the mint entry that made it. What a session of the role did and no receipt
explains, went around. Exit code 0: nothing did; 1: something did; 2: it could not be asked. The receipts are taken as they
are: verify them first, with \`receipts verify\`.

Examples:
  aws s3 sync s3://trail/AWSLogs/111122223333/CloudTrail/eu-west-1/2027/01/13 trail
  countersign receipts reconcile --cloudtrail trail
  countersign receipts reconcile --cloudtrail trail --forbid 'arn:aws:iam::111122223333:user/agents/*'
`,
    )
    .action((flags: ReconcileFlags) => run(flags, io))
}

async function run(flags: ReconcileFlags, io: Io): Promise<void> {
  const roles = rolesOf(flags)
  const events = [...readTrail(flags.cloudtrail)]
  if (events.length === 0)
    throw new UsageError(
      'there are no events',
      'Pass the files of the time that you ask about: none proves nothing.',
    )
  const source = await openReceipts(flags.in, flags.config, flags)
  try {
    const shown = progress(io, 'entries')
    const forbidden = (flags.forbid ?? []).map(patternOf)
    const answer = await reconcile(events, source.entries(), { roles, forbidden }, shown.count)
    shown.done()
    if (flags.json === true) printJson(io, { roles: [...roles], ...answer })
    else for (const line of linesOf(answer, roles)) printLine(io, line)
    if (answer.findings.length > 0) throw new AnswerNo()
  } finally {
    await source.close()
  }
}

function rolesOf({ role, policy, config }: ReconcileFlags): ReadonlySet<string> {
  if (role !== undefined) return new Set(role)
  const { credentials } = consultPolicy(policy ?? sealedFileOf(loadConfig(config))).active
  const roles = [...credentials.values()].flatMap(spec => (spec.minter === 'aws-sts' ? [spec.role] : []))
  if (roles.length === 0)
    throw new UsageError(
      'the policy assumes no role of AWS',
      'Name the roles with --role, or another policy with --policy.',
    )
  return new Set(roles)
}

function patternOf(text: string): RegExp {
  return new RegExp(
    `^${text
      .split('*')
      .map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  )
}

function linesOf(answer: Reconciliation, roles: ReadonlySet<string>): readonly string[] {
  const { findings, others, unseen } = answer
  const time = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString())
  return [
    findings.length === 0
      ? 'NOTHING went around: every call of the agents’ roles has its receipt.'
      : `${findings.length} ${findings.length === 1 ? 'call' : 'calls'} went around the sidecar.`,
    ...findings.slice(0, MOST_SHOWN).flatMap(findingLines),
    ...(findings.length > MOST_SHOWN ? [`  and ${findings.length - MOST_SHOWN} more`] : []),
    `  receipts    ${answer.entries} entries, NOT verified here: whoever wrote them may have left any call out or made one up, see \`countersign receipts verify\``,
    `  roles       ${[...roles].join(', ')}`,
    `  trail       ${answer.events} events, ${time(answer.fromMs)} to ${time(answer.toMs)}`,
    `  explained   ${answer.byRequestId} by AWS’s request id, ${answer.bySession} by session, name and time, ${answer.minted} made the sessions, ${answer.byAws} by AWS itself within them`,
    `  not seen    ${unseen.length} completed calls are not in the trail${
      unseen.length === 0
        ? ''
        : ` (${unseen
            .slice(0, 5)
            .map(({ seq }) => seq)
            .join(
              ', ',
            )}${unseen.length > 5 ? ', …' : ''}): a trail leaves data events out unless it is told to keep them`
    }`,
    `  not judged  ${othersText(others)}`,
    ...(answer.nameless === 0
      ? []
      : [
          `              ${answer.nameless} events of sessions that this trail doesn’t tell the role of, as that of another account does: ask with the trail of the role’s own`,
        ]),
  ]
}

function findingLines({ code, event }: TrailFinding): readonly string[] {
  const { timeMs, source, name, principal, address, errorCode, id } = event
  const refused = errorCode === null ? '' : `, refused by AWS with ${word(errorCode)}`
  return [
    `  ! ${TRAIL_FINDINGS[code]}`,
    `      ${new Date(timeMs).toISOString()}  ${word(source)} ${word(name)} by ${word(principal.arn)} from ${word(address)}${refused} (event ${word(id)})`,
  ]
}

function othersText(others: Reconciliation['others']): string {
  const all = Object.entries(others)
  if (all.length === 0) return 'no other principal acted'
  const shown = all
    .sort(([, a], [, b]) => b.changing - a.changing)
    .slice(0, 5)
    .map(([arn, { events, changing }]) => `${word(arn)} (${events}, ${changing} of them changing)`)
  return `${all.length} other principals: ${shown.join('; ')}${all.length > shown.length ? '; …' : ''}`
}
