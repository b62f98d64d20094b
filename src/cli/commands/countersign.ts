import type { Command } from 'commander'
import { encodeEnvelope, parseStrictJson } from '../../canon/index.js'
import type { ShownApproval } from '../../keeper/index.js'
import { type ApprovalVerdict, sealCountersignature } from '../../policy/index.js'
import { type ApprovalCard, approvalCard, neededWords, OBSTACLES } from '../approval-card.js'
import { confirmed } from '../confirm.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { openSigningKey } from '../locked-key.js'
import { type AdminOptions, addAdminOptions, adminOf, approvalOf, cutWords } from './approvals.js'

interface SignFlags extends AdminOptions {
  readonly key: string
  readonly passphraseFile?: string
  readonly because?: string
  readonly digest?: string
  readonly seenWhole?: string
  readonly json?: true
}

const PAST: Readonly<Record<ApprovalVerdict, string>> = {
  approve: 'approved',
  reject: 'rejected',
  withdraw: 'withdrawn',
}

export function registerApprove(program: Command, io: Io): void {
  signing(program, 'approve', 'countersign a held request, so that the agent’s same call passes once', io)
}

export function registerReject(program: Command, io: Io): void {
  signing(
    program,
    'reject',
    'refuse a held request; the agent reads why, and the same call stays refused',
    io,
  )
}

export function registerWithdraw(program: Command, io: Io): void {
  signing(program, 'withdraw', 'take back an approval that was not used yet', io)
}

function signing(program: Command, verdict: ApprovalVerdict, summary: string, io: Io): void {
  const command = addAdminOptions(program.command(verdict))
    .summary(summary)
    .argument('<id>', 'its id, from `approvals list`')
    .requiredOption(
      '--key <file>',
      'your private key; the policy names its public one in a group of approvers',
    )
    .option('--passphrase-file <file>', 'passphrase of the key; asked for otherwise')
    .option('--digest <hex>', 'digest that you were shown, all 64 digits, instead of being asked')
    .option('--json', 'one JSON document')
  if (verdict === 'approve')
    command.option(
      '--seen-whole <hex>',
      'with --digest, the same once more: you have seen values that the card cuts (`approvals show --whole`)',
    )
  const because = 'in your words; stands in the receipt, and the agent reads it of a rejection'
  if (verdict === 'reject') command.requiredOption('--because <text>', because)
  else command.option('--because <text>', because)
  command
    .addHelpText(
      'after',
      `
What is signed is made again here from what is shown: its digest is yours, whatever the keeper says. You are asked before
anything is signed, unless you pass the digest that you have looked at.${
        verdict === 'approve'
          ? ' Where a value is too long to be shown to its end, you\nare asked once more, or pass the digest as --seen-whole as well.'
          : ''
      }

Example:
  countersign ${verdict} 0198c3a2-… --key ~/keys/maria.jwk${verdict === 'reject' ? ' --because "not during the audit"' : ''}
`,
    )
    .action((id: string, flags: SignFlags) => sign(id, verdict, flags, io))
}

async function sign(id: string, verdict: ApprovalVerdict, flags: SignFlags, io: Io): Promise<void> {
  const admin = adminOf(flags)
  try {
    const approval = await approvalOf(admin, id)
    if (approval === null || approval.state === 'rejected')
      throw new UsageError(
        `no approval ${id} waits`,
        'List what waits with `countersign approvals list`; what was used, was rejected or has expired is not there.',
      )
    // Checks that statement, arguments and digest belong together.
    const card = approvalCard(approval, Date.now())
    if (flags.digest === undefined) await askFor(verdict, card, approval.digest, io)
    else checkDigests(verdict, card, approval.digest, flags)
    const key = await openSigningKey(flags.key, flags.passphraseFile, io)
    const envelope = sealCountersignature(
      {
        v: 1,
        verdict,
        statement: approval.statement,
        ...(flags.because === undefined ? {} : { because: flags.because }),
        t: Date.now(),
      },
      key,
    )
    const answer = await admin.post<{ approval: ShownApproval }>(`/v1/approvals/${id}/countersignatures`, {
      countersignature: parseStrictJson(encodeEnvelope(envelope)),
    })
    if (flags.json === true) return printJson(io, answer)
    printLine(
      io,
      `${PAST[verdict][0]?.toUpperCase()}${PAST[verdict].slice(1)}. ${nextWords(answer.approval)}`,
    )
  } finally {
    await admin.close()
  }
}

/** Shows the card and asks; where the card cuts something, once more, for a word that isn't typed without looking. */
async function askFor(
  verdict: ApprovalVerdict,
  { lines, cut }: ApprovalCard,
  digest: string,
  io: Io,
): Promise<void> {
  for (const line of lines) printLine(io, line)
  const unsigned = (mend: string) => new UsageError('nothing was signed', mend)
  if (!(await confirmed(`\n${verdict} this? Type yes: `, io)))
    throw unsigned('Type yes to sign, or pass --digest with what you have looked at.')
  if (verdict !== 'approve' || cut.length === 0) return
  const begin = digest.slice(0, 8)
  const question = `\n${cutWords(cut)}\n\`countersign approvals show ID --whole\` shows it. Type ${begin}, with which the digest begins, to approve it all the same: `
  if (!(await confirmed(question, io, begin)))
    throw unsigned('Look at it whole: `countersign approvals show ID --whole`.')
}

function checkDigests(
  verdict: ApprovalVerdict,
  { cut }: ApprovalCard,
  digest: string,
  flags: SignFlags,
): void {
  if (flags.digest !== digest || (flags.seenWhole !== undefined && flags.seenWhole !== digest))
    throw new UsageError(
      'the approval has another digest',
      'Look at it with `countersign approvals show`, and pass all 64 digits.',
    )
  // ATTACK: what matters stands where the card has been cut.
  if (verdict === 'approve' && cut.length > 0 && flags.seenWhole === undefined)
    throw new UsageError(
      `the card doesn’t show all of it. ${cutWords(cut)}`,
      'Look at it with `countersign approvals show ID --whole`, and pass its digest as --seen-whole as well.',
    )
}

function nextWords(approval: ShownApproval): string {
  switch (approval.state) {
    case 'approved':
      return approval.obstacle === null
        ? 'The agent’s same call passes now, once.'
        : `But ${OBSTACLES[approval.obstacle]}.`
    case 'rejected':
      return 'The same call of this task is refused from now on.'
    case 'requested':
      return `It still needs ${neededWords(approval)}.`
  }
}
