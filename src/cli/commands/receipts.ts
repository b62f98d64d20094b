import { type Command, Option } from 'commander'
import { decodeEntry, type Entry } from '../../receipt/index.js'
import { addCopyOptions, type CopyFlags } from '../copy-access.js'
import { entryLine } from '../entry-text.js'
import { AnswerNo, type Io, jsonText, printJson, printLine, UsageError } from '../io.js'
import {
  addJudgeOptions,
  decisionSources,
  type JudgeOptions,
  keySource,
  witnessesOf,
} from '../judge-options.js'
import { group } from '../program-group.js'
import { openReceipts, openShipped, type ReceiptSource } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { addArchiveOption, addSourceOptions, type SourceFlags } from '../source-options.js'
import { verifyLog } from '../verify-log.js'
import { wholeNumber } from '../whole-number.js'
import { isBundleFile, verifyBundleFile } from './receipts-bundle.js'
import { registerInventory } from './receipts-inventory.js'
import { registerList } from './receipts-list.js'

interface SourceOptions extends SourceFlags {
  readonly json?: true
}

interface VerifyOptions extends JudgeOptions, CopyFlags {
  readonly against?: string
  readonly unshipped: number
  readonly archive?: string
  readonly json?: true
}

export function registerReceipts(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  registerList(receipts, io)
  withSource(receipts.command('show'))
    .summary('show one entry in full')
    .argument('<seq>', 'its number, as in the header Countersign-Receipt', wholeNumber)
    .addHelpText('after', '\nExample:\n  countersign receipts show 4182 --json\n')
    .action((seq: number, options: SourceOptions) => show(seq, options, io))
  withSource(receipts.command('tail'))
    .summary('show the newest entries')
    .option('--limit <n>', 'how many', wholeNumber, 10)
    .addHelpText('after', '\nExample:\n  countersign receipts tail --limit 20\n')
    .action((options: SourceOptions & { limit: number }) => tail(options, io))
  registerVerify(receipts, io)
  registerInventory(receipts, io)
}

function registerVerify(receipts: Command, io: Io): void {
  const command = addCopyOptions(addConfigOption(receipts.command('verify')))
    .summary('say what a log proves')
    .argument(
      '[path]',
      'ledger folder, dump, bundle or shipped copy; without it the running keeper is asked, its keys pinned by the configuration',
    )
  addJudgeOptions(addArchiveOption(command))
    .option('--tree-only', 'form, chain, tree and checkpoints alone: fast, and no proof of who wrote it')
    .option(
      '--against <copy>',
      'shipped copy, a folder or s3://bucket/prefix, that must hold the same entries',
    )
    .option(
      '--unshipped <n>',
      'with --against: entries at the end that may not be shipped yet',
      wholeNumber,
      0,
    )
    .option('--chain <chain>', 'which log of a place that holds several: its origin with epoch')
    .addOption(new Option('--json', 'one JSON document'))
    .addHelpText(
      'after',
      `
Exit code 0: nothing was found; 1: something was; 2: it could not be tried.

Examples:
  countersign receipts verify evidence.jsonl --trust root.json
  countersign receipts verify evidence.jsonl --trust root.json --witnesses witnesses.txt
  countersign receipts verify ledger --trust root.json --policies policy --auditor-key private.jwk
  countersign receipts verify ledger --trust root.json --against s3://acme-evidence/countersign --region eu-west-1
`,
    )
    .action(async (path: string | undefined, options: VerifyOptions) => {
      if (path !== undefined && (await isBundleFile(path))) return verifyBundleFile(path, options, io)
      if (options.treeOnly === true && (options.policies ?? options.auditorKey) !== undefined)
        throw new UsageError(
          '--tree-only derives no decisions',
          'Leave it out, or --policies and --auditor-key.',
        )
      const keys = keySource(path, options)
      const decisions = decisionSources(path, options)
      const copy = { flags: options, io }
      const source = await openReceipts(path, options.config, { copy, archive: options.archive })
      const against =
        options.against === undefined
          ? {}
          : { against: { copy: await openShipped(options.against, copy), mayBeUnshipped: options.unshipped } }
      await verifyLog(
        source,
        {
          keys,
          decisions,
          witnesses: witnessesOf(path, options),
          checkpoints: options.checkpoint ?? [],
          kept: options.kept ?? [],
          signatures: options.treeOnly !== true,
          jobs: options.jobs,
          json: options.json === true,
          ...against,
        },
        io,
      )
    })
}

async function tail(options: SourceOptions & { readonly limit: number }, io: Io): Promise<void> {
  await reading(options, async source => {
    const newest: Entry[] = []
    const start = Math.max(0, ((await source.size()) ?? 0) - options.limit)
    for await (const bytes of source.entries(start)) {
      newest.push(decodeEntry(bytes))
      if (newest.length > options.limit) newest.shift()
    }
    print(newest, options, io)
  })
}

async function show(seq: number, options: SourceOptions, io: Io): Promise<void> {
  await reading(options, async source => {
    for await (const bytes of source.entries(seq)) {
      const entry = decodeEntry(bytes)
      if (options.json === true) printJson(io, entry)
      else printLine(io, `${entryLine(entry)}\n${jsonText(entry)}`)
      return
    }
    printLine(io, `There is no entry ${seq}.`)
    throw new AnswerNo()
  })
}

async function reading(options: SourceOptions, use: (source: ReceiptSource) => Promise<void>): Promise<void> {
  const source = await openReceipts(options.in, options.config, options)
  try {
    await use(source)
  } finally {
    await source.close()
  }
}

function print(entries: readonly Entry[], options: SourceOptions, io: Io): void {
  if (options.json === true) printJson(io, { entries })
  else for (const entry of entries) printLine(io, entryLine(entry))
}

function withSource(command: Command): Command {
  return addSourceOptions(addConfigOption(command)).option('--json', 'one JSON document')
}
