import type { Ledger } from '../ledger/index.js'
import { decodeEntry, type Entry } from '../receipt/index.js'
import { entrySentence } from './entry-sentence.js'
import { keeperFault } from './error-table.js'

/** An outcome follows its attempt closely; beyond so many entries it is not looked for. */
const MAX_DISTANCE = 20_000

/** The ledger of a running keeper, or a log that was left behind. */
type ReadLog = Pick<Ledger, 'get' | 'entries'>

type AttemptEntry = Extract<Entry, { readonly type: 'attempt' }>

/** One receipt, and what an operator wants to know about it. */
export interface Explanation {
  readonly seq: number
  readonly entry: Entry
  /** One sentence. */
  readonly sentence: string
  /** What was asked for: this entry, or the attempt that it closed; null for an entry of another kind. */
  readonly attempt: AttemptEntry | null
  /** Entry that closed the attempt; null where none did, or there is no attempt. */
  readonly outcome: Entry | null
}

/** Explains one entry from the log alone. Throws `receipt_unknown`. */
export async function explainReceipt(ledger: ReadLog, seq: number): Promise<Explanation> {
  const bytes = await ledger.get(seq)
  if (bytes === undefined) throw keeperFault('receipt_unknown', String(seq))
  const entry = decodeEntry(bytes)
  const sentence = entrySentence(entry)
  if (entry.type === 'outcome')
    return { seq, entry, sentence, attempt: await attemptOf(ledger, entry.attempt), outcome: entry }
  if (entry.type !== 'attempt') return { seq, entry, sentence, attempt: null, outcome: null }
  const outcome = entry.decision.effect === 'allow' ? await outcomeOf(ledger, seq) : null
  return { seq, entry, sentence, attempt: entry, outcome }
}

/** The attempt that an outcome names; null where the ledger was damaged and has none under that number. */
async function attemptOf(ledger: ReadLog, seq: number): Promise<AttemptEntry | null> {
  const bytes = await ledger.get(seq)
  const entry = bytes === undefined ? null : decodeEntry(bytes)
  return entry?.type === 'attempt' ? entry : null
}

async function outcomeOf(ledger: ReadLog, attempt: number): Promise<Entry | null> {
  let distance = 0
  for await (const bytes of ledger.entries(attempt + 1)) {
    const entry = decodeEntry(bytes)
    if (entry.type === 'outcome' && entry.attempt === attempt) return entry
    if (++distance >= MAX_DISTANCE) return null
  }
  return null
}
