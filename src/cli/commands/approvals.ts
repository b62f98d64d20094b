import type { Command } from 'commander'
import type { PendingApproval } from '../../keeper/index.js'
import { connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { group } from '../program-group.js'
import { addConfigOption } from '../session-options.js'

interface ApprovalOptions {
  readonly config: string
  readonly json?: boolean
}

export function registerApprovals(program: Command, io: Io): void {
  const approvals = group(program, 'approvals', 'see what waits for a person')
  addConfigOption(approvals.command('list'))
    .summary('list held requests that wait for approval, oldest first')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign approvals list\n')
    .action((options: ApprovalOptions) => list(options, io))
  addConfigOption(approvals.command('show'))
    .summary('show everything that one approval is bound to')
    .argument('<id>', 'its id, from `approvals list`')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExit code 1: nothing with this id is pending.\n\nExample:\n  countersign approvals show 0198c3a2-…\n',
    )
    .action((id: string, options: ApprovalOptions) => show(id, options, io))
}

async function pending(config: string): Promise<readonly PendingApproval[]> {
  const loaded = loadConfig(config)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    return (await admin.get<{ approvals: readonly PendingApproval[] }>('/v1/approvals')).approvals
  } finally {
    await admin.close()
  }
}

async function list(options: ApprovalOptions, io: Io): Promise<void> {
  const approvals = await pending(options.config)
  if (options.json === true) return printJson(io, { approvals })
  for (const { id, agent, task, rule, approvers, statement, expiresMs } of approvals) {
    const names = (statement.operations as { name: string }[]).map(({ name }) => name).join(', ')
    printLine(io, `${id}  ${agent}  ${task}  ${names}`)
    printLine(
      io,
      `  held by ${rule ?? 'a limit'}, for ${approvers.join(' and ') || 'nobody'}, until ${new Date(expiresMs).toISOString()}`,
    )
  }
  if (approvals.length === 0) printLine(io, 'Nothing waits for approval.')
}

async function show(id: string, options: ApprovalOptions, io: Io): Promise<void> {
  const approval = (await pending(options.config)).find(each => each.id === id)
  if (approval === undefined) {
    if (options.json === true) printJson(io, { approval: null })
    else printLine(io, `No approval ${id} is pending; it may have expired.`)
    throw new AnswerNo()
  }
  if (options.json === true) return printJson(io, { approval })
  printLine(io, `Approval ${approval.id}`)
  printLine(io, `  asked by    ${approval.agent} in ${approval.environment}, task ${approval.task}`)
  printLine(io, `  acting for  ${approval.owner}, who can’t approve it`)
  printLine(
    io,
    `  held by     ${approval.rule ?? 'a limit'}${approval.because === null ? '' : `: ${approval.because}`}`,
  )
  printLine(io, `  needs       ${approval.approvers.join(' and ') || 'nobody'}`)
  printLine(io, `  until       ${new Date(approval.expiresMs).toISOString()}`)
  printLine(io, `  digest      ${approval.digest}`)
  // JSON escapes control characters: what an agent sent can't reach the terminal.
  printLine(io, JSON.stringify(approval.statement, null, 2))
}
