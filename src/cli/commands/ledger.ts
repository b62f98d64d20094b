import type { Command } from 'commander'
import { LEDGER_VERDICTS, type LedgerVerdict } from '../../ledger/index.js'
import { loadConfig } from '../config.js'
import { AnswerNo, ExitWith, type Io, printJson, printLine } from '../io.js'
import { checkConfigured } from '../ledger-check.js'
import { checkJson, checkLines } from '../ledger-check-text.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { addConfigOption } from '../session-options.js'

interface CheckFlags {
  readonly config: string
  readonly mark?: string
  readonly checkpoint?: readonly string[]
  readonly archive?: string
  readonly json?: true
}

export function registerLedger(program: Command, io: Io): void {
  const ledger = group(program, 'ledger', 'look after the ledger on disk')
  addConfigOption(ledger.command('check'))
    .summary('check a stopped ledger: every entry, the stored tree, and the high-water mark')
    .argument('[dir]', 'a copy of the ledger folder; the configured one by default')
    .option('--mark <file>', 'high-water file; the configured one by default')
    .option(
      '--checkpoint <file>',
      'a checkpoint from elsewhere (a witness, a shipped copy) that the ledger must contain; repeatable',
      repeatable,
    )
    .option('--archive <dir>', 'where its archived entries are, if not where they were moved to')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe answer begins with one verdict; docs/recovery.md has them all. The folder is copied first and never written\n' +
        'to. Exit code 0: a keeper may start on it; 1: it must not; 2: it could not be tried, or a keeper runs on it.\n\n' +
        'Example:\n  countersign ledger check --config countersign.yaml\n',
    )
    .action((dir: string | undefined, options: CheckFlags) => check(dir, options, io))
}

/** Not an answer about the ledger: something is using it, or it isn't all here. */
const UNTRIED: ReadonlySet<LedgerVerdict> = new Set([
  'ledger_locked',
  'evidence_moving',
  'archive_unreadable',
  'archive_differs',
])

async function check(dir: string | undefined, options: CheckFlags, io: Io): Promise<void> {
  const found = await checkConfigured(
    loadConfig(options.config),
    { dir, mark: options.mark, checkpoints: options.checkpoint ?? [], archive: options.archive },
    io,
  )
  if (options.json === true) printJson(io, checkJson(found))
  else for (const line of checkLines(found)) printLine(io, line)
  if (UNTRIED.has(found.verdict)) throw new ExitWith(2)
  if (!LEDGER_VERDICTS[found.verdict].sound) throw new AnswerNo()
}
