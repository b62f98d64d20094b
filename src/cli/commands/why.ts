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
import type { Explanation } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import { type Entry, leafHash } from '../../receipt/index.js'
import { type AdminClient, connectAdmin } from '../admin-client.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { entryLine } from '../entry-text.js'
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
    .summary('say why a request was admitted or refused, from its receipt')
    .argument('<receipt>', 'its number, or the value of a Countersign-Receipt header')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nA header’s value is held against the ledger: exit code 1 says that it is not from this log.\n\nExample:\n  countersign why 4182\n',
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
  const reasons = reasonsOf(explanation.entry, loaded)
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

function reasonsOf(entry: Entry, loaded: LoadedConfig): Reasons {
  if (entry.type !== 'attempt') return NONE
  const { code, rule, effect } = entry.decision
  const words = effect === 'allow' ? null : wordsOf(code)
  return {
    because: rule === null ? null : becauseOf(rule, entry.policy.cid, loaded),
    meaning: words?.sentence ?? null,
    mend: words?.mend ?? null,
  }
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

function print({ entry, sentence, outcome }: Explanation, { because, meaning, mend }: Reasons, io: Io): void {
  printLine(io, `Receipt ${entry.seq}: ${sentence}`)
  printLine(io, `  when        ${new Date(entry.t).toISOString()}`)
  if (entry.type === 'attempt') {
    const { agent, policy, decision } = entry
    if (agent.id !== '')
      printLine(
        io,
        `  who         ${agent.id} in ${agent.environment}, task ${agent.task}, for ${agent.owner}`,
      )
    printLine(io, `  policy      version ${policy.version}, ${policy.cid}`)
    if (decision.rule !== null) printLine(io, `  rule        ${decision.rule}`)
    if (because !== null) printLine(io, `  because     ${because}`)
    if (meaning !== null) printLine(io, `  ${decision.code}: ${meaning}`)
    if (mend !== null) printLine(io, `  → ${mend}`)
  }
  if (outcome !== null) printLine(io, `  outcome    ${entryLine(outcome).trimStart()}`)
}
