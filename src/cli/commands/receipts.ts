import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { nativeCrypto } from '../../native/index.js'
import { decodeEntry, type Entry, parseWitnessPolicy, type WitnessPolicy } from '../../receipt/index.js'
import { loadConfig } from '../config.js'
import { addCopyOptions, type CopyFlags } from '../copy-access.js'
import { entryLine } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { openNeeded } from '../needed-file.js'
import type { KeySource } from '../pinned-keys.js'
import { sealedFileOf } from '../policy-location.js'
import { group } from '../program-group.js'
import { openReceipts, openShipped, type ReceiptSource } from '../receipt-source.js'
import { readAuditorKey } from '../replay/log-options.js'
import { addConfigOption } from '../session-options.js'
import { type DecisionSources, verifyLog } from '../verify-log.js'
import { isBundleFile, verifyBundleFile } from './receipts-bundle.js'
import { registerInventory } from './receipts-inventory.js'
import { registerList } from './receipts-list.js'

const MAX_JOBS = 64

interface SourceOptions {
  readonly config: string
  readonly in?: string
  readonly json?: true
}

interface KeyOptions {
  readonly config: string
  readonly trust?: string
  readonly pin?: string
  readonly enrolment?: string[]
  readonly kept?: string[]
  readonly key?: string[]
  readonly checkpointKey?: string[]
}

interface VerifyOptions extends SourceOptions, KeyOptions, CopyFlags {
  readonly against?: string
  readonly unshipped: number
  readonly checkpoint?: string[]
  readonly policies?: string
  readonly auditorKey?: string
  readonly treeOnly?: true
  readonly jobs: number
  readonly witnesses?: string
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
  addCopyOptions(addConfigOption(receipts.command('verify')))
    .summary('say what a log proves')
    .argument(
      '[path]',
      'ledger folder, dump, bundle or shipped copy; without it the running keeper is asked, its keys pinned by the configuration',
    )
    .option('--trust <file>', 'your own copy of the trust root: pins the keys that it leads to')
    .option('--pin <id>', 'content id of a version in that file, sha256:…, where the copy is not your own')
    .option('--enrolment <file...>', 'enrolments of its keys, beside those that the log carries')
    .option('--key <key...>', 'receipt keys to trust, ed25519:…')
    .option('--checkpoint-key <key...>', 'checkpoint keys to trust, ed25519:…')
    .option(
      '--witnesses <file>',
      'tlog-policy file: the witnesses whose cosignatures count, and how many of them it takes',
    )
    .option('--checkpoint <file...>', 'checkpoints or high-water marks that the log must contain')
    .option(
      '--policies <dir>',
      'sealed policies, old ones too: every decision is derived again from the one that it cites',
    )
    .option(
      '--auditor-key <file>',
      'the auditor’s private key: decisions are derived from their recorded inputs',
    )
    .option('--tree-only', 'form, chain, tree and checkpoints alone: fast, and no proof of who wrote it')
    .addOption(jobsOption())
    .option('--kept <file...>', 'such checkpoints that you have kept yourself since before a key was revoked')
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
      const source = await openReceipts(path, options.config, copy)
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

/** Those of the configuration, where the log is the running keeper's and nobody else is named. */
function witnessesOf(path: string | undefined, options: VerifyOptions): WitnessPolicy | null {
  const loaded = path === undefined && options.witnesses === undefined ? loadConfig(options.config) : null
  const configured = loaded?.config.witnesses?.policy
  const file = configured === undefined ? options.witnesses : loaded?.path(configured)
  return file === undefined ? null : openNeeded(file, bytes => parseWitnessPolicy(nativeCrypto, bytes))
}

/** How many threads check entries; of the commands that verify a whole log. */
export function jobsOption(): Option {
  return new Option('--jobs <n>', 'threads that check entries')
    .argParser(jobs)
    .default(availableParallelism())
}

function jobs(text: string): number {
  const count = wholeNumber(text)
  if (count < 1 || count > MAX_JOBS) throw new InvalidArgumentError(`expected 1 to ${MAX_JOBS}`)
  return count
}

function decisionSources(path: string | undefined, options: VerifyOptions): DecisionSources {
  const { policies, auditorKey, treeOnly, trust, key } = options
  if (policies === undefined && auditorKey !== undefined && path !== undefined)
    throw new UsageError('--auditor-key serves to derive decisions again', 'Pass --policies DIR as well.')
  const own = path === undefined && treeOnly !== true && trust === undefined && key === undefined
  return {
    policies: policies ?? (own ? configuredPolicies(options.config) : null),
    auditorKey: auditorKey === undefined ? null : readAuditorKey(auditorKey),
  }
}

/** The folder with the sealed policy of the configuration, and whatever older ones lie there; null where there is none. */
export function configuredPolicies(file: string): string | null {
  const folder = dirname(sealedFileOf(loadConfig(file)))
  return existsSync(folder) ? folder : null
}

/** Where the keys of a command's options come from; without any, those of the configuration where the log is the running keeper's. */
function keySource(path: string | undefined, options: KeyOptions): KeySource {
  const { trust, pin, key, checkpointKey } = options
  if (trust !== undefined && key !== undefined)
    throw new UsageError('--trust and --key name two sources of trust', 'Pass one of them.')
  if (trust === undefined && pin !== undefined)
    throw new UsageError('--pin names a version of a trust root', 'Pass the root itself with --trust FILE.')
  if (trust !== undefined)
    return { kind: 'trust-root', root: trust, pin: pin ?? null, enrolments: options.enrolment ?? [] }
  if (key !== undefined) return { kind: 'keys', receipt: key, checkpoint: checkpointKey ?? [] }
  return path === undefined ? configuredKeys(options.config) : { kind: 'none' }
}

/** The trust root that the configuration pins. */
export function configuredKeys(file: string): KeySource {
  const loaded = loadConfig(file)
  const { trust, keeper } = loaded.config
  return {
    kind: 'trust-root',
    root: loaded.path(trust.root),
    pin: trust.pin,
    enrolments: [loaded.path(keeper.enrolment)],
  }
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
      else printLine(io, `${entryLine(entry)}\n${JSON.stringify(entry, null, 2)}`)
      return
    }
    printLine(io, `There is no entry ${seq}.`)
    throw new AnswerNo()
  })
}

async function reading(options: SourceOptions, use: (source: ReceiptSource) => Promise<void>): Promise<void> {
  const source = await openReceipts(options.in, options.config)
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
  return addConfigOption(command)
    .option('--in <path>', 'a ledger folder (stopped, or a copy) or a dump, instead of the running keeper')
    .option('--json', 'one JSON document')
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('expected a whole number')
  return value
}
