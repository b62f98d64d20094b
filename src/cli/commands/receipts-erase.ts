import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { encodeEnvelope, parseStrictJson } from '../../canon/index.js'
import { sealOperateOrder } from '../../policy/index.js'
import { connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { openSigningKey } from '../locked-key.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { addConfigOption } from '../session-options.js'

interface EraseFlags {
  readonly config: string
  readonly because: string
  readonly by: string
  readonly key?: readonly string[]
  readonly passphraseFile?: string
  readonly json?: true
}

export function registerReceiptsErase(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  addConfigOption(receipts.command('erase'))
    .summary('delete what only the auditor could read of an attempt, with a receipt of it')
    .argument('<seq...>', 'numbers of the attempts')
    .requiredOption('--because <text>', 'why; stands in the receipt')
    .option('--by <person>', 'who orders it; stands in the receipt', userInfo().username)
    .option(
      '--key <file>',
      'private key with the operate role; repeatable where the trust root asks for several. The first run keeps one in trust/keys',
      repeatable,
    )
    .option('--passphrase-file <file>', 'passphrase of the key; asked for otherwise')
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
  const files = flags.key ?? [loaded.path('trust/keys/operate.jwk')]
  const missing = files.find(file => !existsSync(file))
  if (missing !== undefined)
    throw new UsageError(
      `there is no key ${missing}`,
      'Pass --key FILE: erasing takes a signature by the operate role, reaching the keeper is not enough.',
    )
  const keys = []
  for (const file of files) keys.push(await openSigningKey(file, flags.passphraseFile, io))
  const order = sealOperateOrder(
    {
      v: 1,
      origin: loaded.config.origin,
      action: 'erase',
      attempts: seqs.map(numberOf),
      by: flags.by,
      because: flags.because,
      t: Date.now(),
      nonce: randomUUID(),
    },
    keys,
  )
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const { erased } = await admin.post<{ erased: readonly { attempt: number; receipt: number }[] }>(
      '/v1/erasures',
      { order: parseStrictJson(encodeEnvelope(order)) },
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
