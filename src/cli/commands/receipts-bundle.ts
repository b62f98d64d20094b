import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { utf8 } from '../../canon/index.js'
import { writeDump } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type BundleVerification,
  COMMITTED_FIELD,
  type CommittedField,
  encodeBundle,
  looksLikeBundle,
  MAX_BUNDLE_BYTES,
  parseBundle,
  parseCheckpoint,
  parseWitnessPolicy,
  verifyBundle,
} from '../../receipt/index.js'
import { bundleLines } from '../bundle-text.js'
import { loadConfig } from '../config.js'
import { type DisclosureResult, discloseFields } from '../disclose.js'
import { exportBundle, type WrittenBundle } from '../export-bundle.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { openNeeded, readNeeded } from '../needed-file.js'
import { asNewFile, writeNewFile } from '../new-file.js'
import { group } from '../program-group.js'
import { progress } from '../progress.js'
import { asksNothing, type Question } from '../question.js'
import {
  addQuestionOptions,
  QUESTION_WORDS,
  type QuestionOptions,
  questionOf,
  repeatableRange,
} from '../question-options.js'
import { openReceipts, type ReceiptSource } from '../receipt-source.js'
import { repeatable } from '../repeatable.js'
import { readAuditorKey } from '../replay/log-options.js'
import { addConfigOption } from '../session-options.js'
import { addSourceOptions, type SourceFlags } from '../source-options.js'
import { replaceExclusively, trustChainIn } from '../trust-files.js'
import { exportTilesInto } from './receipts-prove.js'

interface ExportOptions extends QuestionOptions, SourceFlags {
  readonly checkpoint?: string
  readonly trust?: string
  readonly policies?: readonly string[]
  readonly catalogs?: true
  readonly tiles?: string
  readonly json?: true
}

interface DiscloseOptions extends SourceFlags {
  readonly seq?: readonly (readonly [number, number])[]
  readonly field?: readonly CommittedField[]
  readonly all?: true
  readonly content?: string
  readonly auditorKey: string
  readonly out?: string
  readonly json?: true
}

/** Options of `receipts verify` that say something about a bundle. */
export interface VerifyBundleOptions {
  readonly trust?: string
  readonly pin?: string
  readonly witnesses?: string
  readonly json?: true
  readonly key?: unknown
  readonly checkpointKey?: unknown
  readonly enrolment?: unknown
  readonly checkpoint?: unknown
}

export function registerReceiptsBundle(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  registerExport(receipts, io)
  registerDisclose(receipts, io)
}

function registerExport(receipts: Command, io: Io): void {
  const command = addConfigOption(receipts.command('export'))
    .summary('write the evidence of one incident into a bundle, or all entries into a dump')
    .argument('[file]', 'file to make; beside a dump, FILE.checkpoint is made as well')
    .option('--tiles <dir>', 'write the whole log as static files into this folder instead, or go on there')
  addQuestionOptions(addSourceOptions(command))
    .option(
      '--checkpoint <file>',
      'checkpoint or high-water file that the proofs lead to; a folder has none of its own',
    )
    .option('--trust <file>', 'trust root to enclose; that of the configuration by default')
    .option(
      '--policies <dir>',
      'folder that keeps sealed policies; that of the configuration by default',
      repeatable,
    )
    .option('--catalogs', 'enclose the catalogs that the policies pin, which lets decisions be derived again')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Without a question all entries are written, as a dump. With one, a bundle: the attempts that fit all of it, their outcomes,
and what they cite, each with its proof against one checkpoint. With --in a configuration is read only where --config names it.
${QUESTION_WORDS}

Examples:
  countersign receipts export evidence.jsonl
  countersign receipts export --tiles /srv/www/log
  countersign receipts export incident.json --agent coder --task CS-17 --since 2027-01-13T12:00:00Z
`,
    )
    .action((file: string | undefined, options: ExportOptions, command: Command) => {
      const question = questionOf(options)
      if (options.tiles !== undefined) return exportTilesOnly(file, options.tiles, question, options, io)
      if (file === undefined)
        throw new UsageError('there is no file to write to', 'Pass FILE, or --tiles DIR.')
      if (file === '-')
        throw new UsageError('evidence is not written to standard output', 'Pass a FILE, and copy that.')
      return asksNothing(question)
        ? exportDump(file, options, io)
        : exportIncident(file, question, options, command.getOptionValueSource('config') === 'cli', io)
    })
}

function registerDisclose(receipts: Command, io: Io): void {
  addSourceOptions(addConfigOption(receipts.command('disclose')))
    .summary('open fields of a bundle’s receipts with the auditor’s key')
    .argument('<bundle>', 'file of `receipts export` with a question; it is replaced')
    .requiredOption('--auditor-key <file>', 'the auditor’s private key, which opens the decision inputs')
    .option('--seq <number>', 'an attempt of the bundle; repeatable', repeatableRange)
    .option('--field <name>', 'target, body, inputs, resp, ops.N or probes.N; repeatable', repeatableField)
    .option('--all', 'every attempt, and every field that was kept, unless --seq or --field narrows it')
    .option('--content <file>', 'a body or response itself, where only a commitment to it was kept')
    .option('--out <file>', 'write a new bundle there and leave this one as it is')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
A disclosed field carries its own key, which opens nothing else. inputs hold all arguments of the request.

Examples:
  countersign receipts disclose incident.json --seq 4182 --field target --auditor-key auditor.jwk
  countersign receipts disclose incident.json --all --auditor-key auditor.jwk --in ledger-copy --out disclosed.json
`,
    )
    .action((file: string, options: DiscloseOptions) => disclose(file, options, io))
}

function exportTilesOnly(
  file: string | undefined,
  folder: string,
  question: Question,
  options: ExportOptions,
  io: Io,
): Promise<void> {
  if (file !== undefined || !asksNothing(question))
    throw new UsageError('tiles are of the whole log', 'Leave FILE and what asks for an incident out.')
  return exportTilesInto(folder, options, io)
}

async function exportDump(file: string, options: ExportOptions, io: Io): Promise<void> {
  const useless = (['checkpoint', 'trust', 'policies', 'catalogs'] as const).find(
    name => options[name] !== undefined,
  )
  if (useless !== undefined)
    throw new UsageError(
      `--${useless} belongs into a bundle`,
      'Ask for an incident as well, with --agent for one.',
    )
  const source = await openReceipts(options.in, options.config, options)
  try {
    // In this order, so that the cosigned checkpoint never covers more than the other one.
    const witnessed = await source.witnessedNote()
    const note = await source.checkpointNote()
    const shown = progress(io, 'entries')
    const count = await asNewFile(
      file,
      writeDump(file, entriesUnder(note, source), note, shown.count, witnessed),
    )
    shown.done()
    if (options.json === true) printJson(io, { file, entries: count, checkpoint: note !== null })
    else
      printLine(
        io,
        `${count} entries in ${file}${note === null ? ', no checkpoint' : `, checkpoint in ${file}.checkpoint`}`,
      )
  } finally {
    await source.close()
  }
}

/** All entries; of a log that grows meanwhile those that its checkpoint covers, so that none in the dump lacks one. */
async function* entriesUnder(note: string | null, source: ReceiptSource): AsyncGenerator<Uint8Array> {
  const most = note !== null && source.grows ? parseCheckpoint(utf8(note)).size : Number.POSITIVE_INFINITY
  let count = 0
  if (most > 0)
    for await (const bytes of source.entries()) {
      yield bytes
      if (++count >= most) return
    }
}

async function exportIncident(
  file: string,
  question: Question,
  options: ExportOptions,
  configured: boolean,
  io: Io,
): Promise<void> {
  const source = await openReceipts(options.in, options.config, options)
  try {
    const written = await exportBundle(
      file,
      source,
      {
        question,
        checkpoint: options.checkpoint ?? null,
        trust: options.trust ?? null,
        policies: options.policies ?? [],
        catalogs: options.catalogs === true,
        config: options.in === undefined || configured ? loadConfig(options.config) : null,
      },
      io,
    )
    if (options.json === true) printJson(io, { file, ...written.selection, ...written.verification })
    else for (const line of writtenLines(file, written)) printLine(io, line)
  } finally {
    await source.close()
  }
}

function writtenLines(file: string, { selection, verification }: WrittenBundle): readonly string[] {
  const { attempts, uncertain, policies } = selection
  return [
    `${attempts} attempt${attempts === 1 ? '' : 's'} in ${file}, with ${verification.entries} entries in all`,
    ...(uncertain === 0
      ? []
      : [`${uncertain} of them list only the beginning of their resources, and are in for that`]),
    ...(verification.policies.length === policies.length
      ? []
      : [
          `${policies.length - verification.policies.length} of ${policies.length} policies are not here: pass --policies DIR`,
        ]),
    ...bundleLines(verification).slice(1),
  ]
}

/** True for a file that begins as a bundle does. */
export async function isBundleFile(path: string): Promise<boolean> {
  // Of a pipe, somebody else's or one's own, nothing is waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null)
  if (file === null) return false
  try {
    const head = Buffer.alloc(32)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    return looksLikeBundle(head.subarray(0, bytesRead))
  } catch {
    // A folder: no bundle.
    return false
  } finally {
    await file.close()
  }
}

/** Verifies a bundle, prints what it proves, and throws AnswerNo where something was found. */
export function verifyBundleFile(path: string, options: VerifyBundleOptions, io: Io): void {
  const { found } = judgeBundle(path, options)
  printVerdict(path, found, options.json === true, io)
  if (!found.sound) throw new AnswerNo()
}

/** Verifies a bundle. Throws UsageError for options that say nothing about one. */
export function judgeBundle(
  path: string,
  options: VerifyBundleOptions,
): { readonly bytes: Uint8Array; readonly found: BundleVerification } {
  const { trust, pin, witnesses } = options
  const useless = (['key', 'checkpointKey', 'enrolment', 'checkpoint'] as const).find(
    name => options[name] !== undefined,
  )
  if (useless !== undefined)
    throw new UsageError(
      `--${useless === 'checkpointKey' ? 'checkpoint-key' : useless} has no say over a bundle`,
      'Pass the trust root with --trust FILE: it leads to the keys.',
    )
  if (trust === undefined && pin !== undefined)
    throw new UsageError('--pin names a version of a trust root', 'Pass the root itself with --trust FILE.')
  const bytes = readBundle(path)
  const found = verifyBundle(bytes, {
    crypto: nativeCrypto,
    trust: trust === undefined ? null : { chain: trustChainIn(trust), pin: pin ?? null },
    ...(witnesses === undefined
      ? {}
      : { witnesses: openNeeded(witnesses, bytes => parseWitnessPolicy(nativeCrypto, bytes)) }),
  })
  return { bytes, found }
}

function printVerdict(source: string, found: BundleVerification, json: boolean, io: Io): void {
  if (json) printJson(io, { source, ...found })
  else for (const line of bundleLines(found)) printLine(io, line)
}

function readBundle(path: string): Uint8Array {
  return readNeeded(path, MAX_BUNDLE_BYTES)
}

async function disclose(file: string, options: DiscloseOptions, io: Io): Promise<void> {
  const { seq, field, all, content } = options
  if (all !== true && (seq === undefined || field === undefined))
    throw new UsageError('nothing says what is to be disclosed', 'Pass --seq N and --field NAME, or --all.')
  const key = readAuditorKey(options.auditorKey)
  const before = parseBundle(readBundle(file))
  const source = await openReceipts(options.in, options.config, options)
  try {
    const wish = {
      seqs: seq === undefined ? null : seq.flatMap(range => seqsOf(range, before.entries)),
      fields: field ?? null,
      content: content === undefined ? null : readNeeded(content, Number.POSITIVE_INFINITY),
    }
    const { bundle, results } = await discloseFields(before, source, key, wish)
    await writeBundle(options.out ?? null, file, encodeBundle(bundle))
    if (options.json === true) printJson(io, { file: options.out ?? file, results })
    else for (const result of results) printLine(io, resultLine(result))
    if (results.length === 0 || results.some(({ kind }) => kind === 'refused')) throw new AnswerNo()
  } finally {
    await source.close()
  }
}

/** A bundle's entries in a range; a single number stands for itself, so that a missing one is named. */
function seqsOf(
  [from, to]: readonly [number, number],
  entries: readonly { readonly seq: number }[],
): readonly number[] {
  return from === to ? [from] : entries.map(({ seq }) => seq).filter(seq => seq >= from && seq <= to)
}

/** In one step, so that no half-written bundle takes the place of a whole one. */
async function writeBundle(out: string | null, file: string, bytes: Uint8Array): Promise<void> {
  if (out === null) replaceExclusively(file, () => bytes, 0o600)
  else await writeNewFile(out, bytes)
}

function resultLine(result: DisclosureResult): string {
  const { seq, field } = result
  return result.kind === 'disclosed'
    ? `disclosed: ${field} of receipt ${seq}`
    : `not disclosed: ${field === null ? '' : `${field} of `}receipt ${seq}: ${result.why}`
}

function repeatableField(text: string, before: readonly CommittedField[] = []): readonly CommittedField[] {
  if (!COMMITTED_FIELD.test(text))
    throw new InvalidArgumentError('expected target, body, inputs, resp, ops.N or probes.N')
  return [...before, text as CommittedField]
}
