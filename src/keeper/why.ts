import type { Ledger } from '../ledger/index.js'
import { decodeEntry, type Entry } from '../receipt/index.js'
import { keeperFault } from './error-table.js'

/** An outcome follows its attempt closely; beyond so many entries it is not looked for. */
const MAX_DISTANCE = 20_000

/** One receipt, and what an operator wants to know about it. */
export interface Explanation {
  readonly seq: number
  readonly entry: Entry
  /** One sentence. */
  readonly sentence: string
  /** Entry that closed the attempt; null where none did, or this is no attempt. */
  readonly outcome: Entry | null
}

/** Explains one entry from the ledger alone. Throws `receipt_unknown`. */
export async function explainReceipt(ledger: Ledger, seq: number): Promise<Explanation> {
  const bytes = await ledger.get(seq)
  if (bytes === undefined) throw keeperFault('receipt_unknown', String(seq))
  const entry = decodeEntry(bytes)
  const outcome =
    entry.type === 'attempt' && entry.decision.effect === 'allow' ? await outcomeOf(ledger, seq) : null
  return { seq, entry, sentence: sentenceOf(entry), outcome }
}

async function outcomeOf(ledger: Ledger, attempt: number): Promise<Entry | null> {
  let distance = 0
  for await (const bytes of ledger.entries(attempt + 1)) {
    const entry = decodeEntry(bytes)
    if (entry.type === 'outcome' && entry.attempt === attempt) return entry
    if (++distance >= MAX_DISTANCE) return null
  }
  return null
}

function sentenceOf(entry: Entry): string {
  switch (entry.type) {
    case 'attempt': {
      const who = entry.agent.id === '' ? 'somebody without a valid grant' : `agent ${entry.agent.id}`
      const what = entry.ops.map(({ name }) => name).join(', ') || 'a request that was not classified'
      const { effect, code, rule } = entry.decision
      const by = rule === null ? `with code ${code}` : `by rule ${rule} (${code})`
      return `${who} asked for ${what}; decided ${effect} ${by}, under policy version ${entry.policy.version}.`
    }
    case 'outcome':
      return `The outcome of attempt ${entry.attempt}: ${entry.status}, HTTP ${entry.http}, after ${entry.ms} ms.`
    default:
      return `A ${entry.type} entry of the keeper itself.`
  }
}
