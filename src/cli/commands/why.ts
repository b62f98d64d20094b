import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import {
  contentId,
  decodeEnvelope,
  fromBase64,
  hex,
  type JsonObject,
  parseCanonical,
} from '../../canon/index.js'
import { type Explanation, entrySentence, explainReceipt } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import { type AttemptOperation, decodeEntry, type Entry, leafHash } from '../../receipt/index.js'
import { type AdminClient, connectAdmin } from '../admin-client.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { entryLine, timeWords, visible, word } from '../entry-text.js'
import { wordsOf } from '../error-words.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import type { KeeperStatus } from '../keeper-status.js'
import { sealedFileOf } from '../policy-location.js'
import { parseReceiptReference, type ReceiptReference } from '../receipt-reference.js'
import { openReceipts } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { addSourceOptions, type SourceFlags } from '../source-options.js'

interface WhyOptions extends SourceFlags {
  readonly json?: boolean
}

export function registerWhy(program: Command, io: Io): void {
  addSourceOptions(addConfigOption(program.command('why')))
    .summary('say why a request was admitted or refused, from its receipt, or what another entry records')
    .argument('<receipt>', 'its number, or the value of a Countersign-Receipt header')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe number of an outcome explains the attempt that it closed; any other entry of the ledger says what it records. A\nheader’s value is held against the ledger: exit code 1 says that it is not from this log. --in asks a log whose keeper\ndoesn’t run, and verifies nothing; a rule’s own words come from the sealed policy of --config, where it is still there.\n\nExamples:\n  countersign why 4182\n  countersign why 4182 --in /var/lib/countersign/ledger\n',
    )
    .action((receipt: string, options: WhyOptions) => why(parseReceiptReference(receipt), options, io))
}

async function why(reference: ReceiptReference, options: WhyOptions, io: Io): Promise<void> {
  const answer =
    options.in === undefined
      ? await askKeeper(reference, loadConfig(options.config))
      : await readLog(reference, options)
  if (typeof answer === 'string') {
    if (options.json === true) printJson(io, { seq: reference.seq, mismatch: answer })
    else printLine(io, `This receipt is not from this log: ${visible(answer)}`)
    throw new AnswerNo()
  }
  const reasons = reasonsOf(answer, options.config)
  if (options.json === true) printJson(io, { ...answer, ...reasons })
  else print(answer, reasons, io)
}

/** What a receipt says, or why it is not of this log. */
type Answer = Explanation | string

async function askKeeper(reference: ReceiptReference, loaded: LoadedConfig): Promise<Answer> {
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    return (await mismatchOf(reference, admin)) ?? (await admin.get<Explanation>(`/v1/why/${reference.seq}`))
  } finally {
    await admin.close()
  }
}

async function readLog({ seq, anchor }: ReceiptReference, options: WhyOptions): Promise<Answer> {
  const source = await openReceipts(options.in, options.config, options)
  const log = {
    get: (wanted: number) => first(source.entries(wanted)),
    entries: (from?: number) => source.entries(from),
  }
  try {
    const bytes = await log.get(seq)
    if (anchor !== null) {
      if (bytes === undefined) return `it has number ${seq}, and the log ends before. Entries are missing.`
      const { chain } = decodeEntry(bytes)
      const mismatch =
        chain === anchor.origin ? leafMismatch(seq, anchor.leaf, bytes) : strangerWords(anchor.origin, chain)
      if (mismatch !== null) return mismatch
    }
    return await explainReceipt(log, seq)
  } finally {
    await source.close()
  }
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}

/** ATTACK: a log that was rewritten after the agent got its anchor has another leaf under the same number. */
async function mismatchOf({ seq, anchor }: ReceiptReference, admin: AdminClient): Promise<string | null> {
  if (anchor === null) return null
  const { chain, head } = await admin.get<KeeperStatus>('/v1/status')
  if (anchor.origin !== chain) return strangerWords(anchor.origin, chain)
  if (seq >= head.size) return `it has number ${seq}, the log has ${head.size} entries. Entries are missing.`
  const { entry } = await admin.get<{ entry: string }>(`/v1/receipts/${seq}`)
  return leafMismatch(seq, anchor.leaf, fromBase64(entry))
}

function strangerWords(named: string, chain: string): string {
  return `it names ${named}, this is ${chain}.`
}

function leafMismatch(seq: number, named: string, entry: Uint8Array): string | null {
  const leaf = hex(leafHash(nativeCrypto, entry))
  return leaf === named ? null : `entry ${seq} has leaf ${leaf}. The log was changed.`
}

interface Reasons {
  /** The deciding rule's own words, from the sealed policy; null where it has none, or another version is there now. */
  readonly because: string | null
  /** What the decision's code means. */
  readonly meaning: string | null
  /** What to change, if it should be otherwise. */
  readonly mend: string | null
}

const NONE: Reasons = { because: null, meaning: null, mend: null }

function reasonsOf({ entry, attempt }: Explanation, config: string): Reasons {
  if (attempt === null) return codeReasons(entry)
  const { code, rule, effect } = attempt.decision
  const words = effect === 'allow' ? null : wordsOf(code)
  return {
    because: rule === null ? null : becauseOf(rule, attempt.policy.cid, config),
    meaning: words?.sentence ?? null,
    mend: words?.mend ?? null,
  }
}

/** A refused policy or a failed mint carries a code as well. */
function codeReasons(entry: Entry): Reasons {
  if (!('data' in entry) || typeof entry.data.code !== 'string') return NONE
  const words = wordsOf(entry.data.code)
  return { ...NONE, meaning: words?.sentence ?? null, mend: words?.mend ?? null }
}

/** From the sealed file, and only while it is the very policy that decided. */
function becauseOf(rule: string, cid: string, config: string): string | null {
  try {
    const { payload } = decodeEnvelope(readFileSync(sealedFileOf(loadConfig(config))))
    if (contentId(nativeCrypto, payload) !== cid) return null
    const { rules = [] } = parseCanonical(payload) as JsonObject & {
      rules?: { id: string; because?: string }[]
    }
    return rules.find(({ id }) => id === rule)?.because ?? null
  } catch {
    // The file is not here, or something that is no policy has taken its place: the receipt still says what it says.
    return null
  }
}

/** ATTACK: names in receipts come from requests; whatever is printed is made visible first. */
function print(explanation: Explanation, { because, meaning, mend }: Reasons, io: Io): void {
  const { entry, sentence, attempt, outcome } = explanation
  const say = (line: string) => printLine(io, visible(line))
  say(`Receipt ${entry.seq}: ${sentence}`)
  if (entry.type === 'outcome')
    say(
      attempt === null
        ? `Receipt ${entry.attempt} is no attempt: this ledger was changed, \`countersign ledger check\` says where.`
        : `Receipt ${attempt.seq}: ${entrySentence(attempt)}`,
    )
  say(`  when        ${timeWords((attempt ?? entry).t)}`)
  if (attempt !== null) {
    const { agent, policy, decision } = attempt
    if (agent.id !== '')
      say(
        `  who         ${word(agent.id)} in ${word(agent.environment)}, task ${word(agent.task)}, for ${word(agent.owner)}`,
      )
    say(`  policy      version ${policy.version}, ${policy.cid}`)
    for (const line of resourceLines(attempt.ops)) say(line)
    if (decision.rule !== null) say(`  rule        ${decision.rule}`)
    if (because !== null) say(`  because     ${because}`)
    if (attempt.approval !== undefined) say(`  approval    ${attempt.approval}`)
  }
  if (meaning !== null) say(`  ${codeOf(attempt ?? entry)}: ${meaning}`)
  if (mend !== null) say(`  → ${mend}`)
  if (outcome !== null) say(`  outcome    ${entryLine(outcome).trimStart()}`)
  else if (attempt?.decision.effect === 'allow')
    say('  outcome     none found: the request is under way, or the keeper has not settled it yet')
}

/** Resources that are named; a receipt lists more. */
const MAX_RESOURCES = 20

/** Whole ids, one a line: what a refusal had no room for. */
function resourceLines(ops: readonly AttemptOperation[]): readonly string[] {
  const listed = ops.flatMap(({ resources }) => resources).filter(({ id }) => id !== '')
  const left =
    listed.slice(MAX_RESOURCES).length +
    ops.reduce((sum, { resources, more }) => sum + Math.max(0, (more?.count ?? 0) - resources.length), 0)
  return [
    ...listed.slice(0, MAX_RESOURCES).map(({ type, id }) => `  resource    ${word(type)} ${word(id)}`),
    ...(left === 0 ? [] : [`              and ${left} more`]),
  ]
}

function codeOf(entry: Entry): string {
  return entry.type === 'attempt' ? entry.decision.code : 'data' in entry ? String(entry.data.code) : ''
}
