import type { Command } from 'commander'
import { connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { addOrderOptions, type OrderFlags, signedOrder } from '../operate-order.js'
import { group } from '../program-group.js'
import { addConfigOption } from '../session-options.js'

interface EraseFlags extends OrderFlags {
  readonly json?: true
}

export function registerReceiptsErase(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  const command = addConfigOption(receipts.command('erase'))
    .summary('delete what only the auditor could read of an attempt, with a receipt of it')
    .argument('<seq...>', 'numbers of the attempts')
  addOrderOptions(command)
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Arguments, target and body hashes of the attempts can't be opened by anybody any more, and their decisions not be derived
again. The receipts stay, and the log still verifies. It can't be taken back.

Example:
  countersign receipts erase 4182 --because 'request of the data subject, ticket 77' --by maria
`,
    )
    .action((seqs: readonly string[], flags: EraseFlags) => erase(seqs, flags, io))
}

async function erase(seqs: readonly string[], flags: EraseFlags, io: Io): Promise<void> {
  const loaded = loadConfig(flags.config)
  const order = await signedOrder({ action: 'erase', attempts: seqs.map(numberOf) }, 'erasing', flags, io)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const { erased } = await admin.post<{ erased: readonly { attempt: number; receipt: number }[] }>(
      '/v1/erasures',
      order,
    )
    if (flags.json === true) printJson(io, { erased })
    else
      for (const { attempt, receipt } of erased)
        printLine(io, `Attempt ${attempt} is closed for ever; receipt ${receipt} says so.`)
  } finally {
    await admin.close()
  }
}

function numberOf(text: string): number {
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(text))
    throw new UsageError(
      `${text} is no number of a receipt`,
      'Pass the number in the header Countersign-Receipt.',
    )
  return Number(text)
}
