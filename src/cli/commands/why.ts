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
import { type Explanation, entrySentence } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import { type Entry, leafHash } from '../../receipt/index.js'
import { type AdminClient, connectAdmin } from '../admin-client.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { entryLine, timeWords, visible, word } from '../entry-text.js'
import { wordsOf } from '../error-words.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import type { KeeperStatus } from '../keeper-status.js'
import { sealedFileOf } from '../policy-location.js'
import { parseReceiptReference, type ReceiptReference } from '../receipt-reference.js'
import { addConfigOption } from '../session-options.js'

interface WhyOptions {
  readonly config: string
  readonly json?: boolean
}

export function registerWhy(program: Command, io: Io): void {
  addConfigOption(program.command('why'))
    .summary('say why a request was admitted or refused, from its receipt, or what another entry records')
    .argument('<receipt>', 'its number, or the value of a Countersign-Receipt header')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe number of an outcome explains the attempt that it closed; any other entry of the ledger says what it records. A\nheader’s value is held against the ledger: exit code 1 says that it is not from this log.\n\nExample:\n  countersign why 4182\n',
    )
    .action(async (receipt: string, options: WhyOptions) => {
      const loaded = loadConfig(options.config)
      const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
      try {
        await why(parseReceiptReference(receipt), admin, loaded, options, io)
      } finally {
        await admin.close()
      }
    })
}

async function why(
  reference: ReceiptReference,
  admin: AdminClient,
  loaded: LoadedConfig,
  options: WhyOptions,
  io: Io,
): Promise<void> {
  const mismatch = await mismatchOf(reference, admin)
  if (mismatch !== null) {
    if (options.json === true) printJson(io, { seq: reference.seq, mismatch })
    else printLine(io, `This receipt is not from this log: ${mismatch}`)
    throw new AnswerNo()
  }
  const explanation = await admin.get<Explanation>(`/v1/why/${reference.seq}`)
  const reasons = reasonsOf(explanation, loaded)
  if (options.json === true) printJson(io, { ...explanation, ...reasons })
  else print(explanation, reasons, io)
}

/** ATTACK: a log that was rewritten after the agent got its anchor has another leaf under the same number. */
async function mismatchOf({ seq, anchor }: ReceiptReference, admin: AdminClient): Promise<string | null> {
  if (anchor === null) return null
  const { chain, head } = await admin.get<KeeperStatus>('/v1/status')
  if (anchor.origin !== chain) return `it names ${anchor.origin}, this is ${chain}.`
  if (seq >= head.size) return `it has number ${seq}, the log has ${head.size} entries. Entries are missing.`
  const { entry } = await admin.get<{ entry: string }>(`/v1/receipts/${seq}`)
  const leaf = hex(leafHash(nativeCrypto, fromBase64(entry)))
  return leaf === anchor.leaf ? null : `entry ${seq} has leaf ${leaf}. The log was changed.`
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

function reasonsOf({ entry, attempt }: Explanation, loaded: LoadedConfig): Reasons {
  if (attempt === null) return codeReasons(entry)
  const { code, rule, effect } = attempt.decision
  const words = effect === 'allow' ? null : wordsOf(code)
  return {
    because: rule === null ? null : becauseOf(rule, attempt.policy.cid, loaded),
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
function becauseOf(rule: string, cid: string, loaded: LoadedConfig): string | null {
  try {
    const { payload } = decodeEnvelope(readFileSync(sealedFileOf(loaded)))
    if (contentId(nativeCrypto, payload) !== cid) return null
    const { rules = [] } = parseCanonical(payload) as JsonObject & {
      rules?: { id: string; because?: string }[]
    }
    return rules.find(({ id }) => id === rule)?.because ?? null
  } catch {
    // The file was replaced by something that is no policy: the receipt still says what it says.
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

function codeOf(entry: Entry): string {
  return entry.type === 'attempt' ? entry.decision.code : 'data' in entry ? String(entry.data.code) : ''
}
