import type { Command } from 'commander'
import { loadConfig } from '../config.js'
import type { Io } from '../io.js'
import { group } from '../program-group.js'
import { openReceipts } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { verifyLog } from '../verify-log.js'
import { configuredKeys, configuredPolicies, jobsOption } from './receipts.js'

interface CheckOptions {
  readonly config: string
  readonly mark?: string
  readonly jobs: number
  readonly json?: true
}

export function registerLedger(program: Command, io: Io): void {
  const ledger = group(program, 'ledger', 'look after the ledger on disk')
  addConfigOption(ledger.command('check'))
    .summary('check a stopped ledger: every entry, the stored tree, and the high-water mark')
    .argument('[dir]', 'a copy of the ledger folder; the configured one by default')
    .option('--mark <file>', 'high-water file; the configured one by default')
    .addOption(jobsOption())
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe folder is copied first and never written to. Exit code 0: nothing was found; 1: something was.\n\nExample:\n' +
        '  countersign ledger check --config countersign.yaml\n',
    )
    .action(async (dir: string | undefined, options: CheckOptions) => {
      const { config, path } = loadConfig(options.config)
      await verifyLog(
        await openReceipts(dir ?? path(config.ledger.dir), options.config),
        {
          keys: configuredKeys(options.config),
          witnesses: null,
          checkpoints: [options.mark ?? path(config.ledger.highWater)],
          decisions: { policies: configuredPolicies(options.config), auditorKey: null },
          signatures: true,
          jobs: options.jobs,
          json: options.json === true,
        },
        io,
      )
    })
}
