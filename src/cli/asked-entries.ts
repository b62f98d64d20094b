import { decodeEntry, type Entry } from '../receipt/index.js'
import {
  asksNothing,
  type Fit,
  fitsAttempt,
  fitsControl,
  isBehind,
  namesSeq,
  type Question,
} from './question.js'

/** An entry that belongs to what was asked. */
export interface AskedEntry {
  readonly entry: Entry
  /** `unknown` for an attempt whose resources are listed in part only, and for its outcome. */
  readonly fit: Exclude<Fit, 'no'>
}

/**
 * The entries of a log that belong to what was asked: attempts that fit, each with its outcome however late that came, and
 * the other entries of that agent and task in that time. Remembers admitted attempts until their outcome, and nothing else.
 * Of an outcome whose attempt stands before the first entry read nobody knows whether it belongs to it: without a question it
 * does, with one only where its own number was asked for, and `onOrphan` hears of the others.
 */
export async function* askedEntries(
  entries: AsyncIterable<Uint8Array>,
  question: Question,
  onEntry: (count: number) => void,
  onOrphan: () => void = () => {},
): AsyncGenerator<AskedEntry> {
  const open = new Map<number, AskedEntry['fit']>()
  const all = asksNothing(question)
  let first: number | null = null
  let count = 0
  for await (const bytes of entries) {
    const entry = decodeEntry(bytes)
    onEntry(++count)
    first ??= entry.seq
    if (open.size === 0 && isBehind(question, entry)) return
    const fit = all ? 'yes' : fitOf(entry, question, open)
    if (fit === 'no' && entry.type === 'outcome' && entry.attempt < first) onOrphan()
    if (fit !== 'no') yield { entry, fit }
  }
}

function fitOf(entry: Entry, question: Question, open: Map<number, AskedEntry['fit']>): Fit {
  switch (entry.type) {
    case 'attempt': {
      const fit = fitsAttempt(question, entry)
      if (fit !== 'no' && entry.decision.effect === 'allow') open.set(entry.seq, fit)
      return fit
    }
    case 'outcome': {
      const fit = open.get(entry.attempt)
      open.delete(entry.attempt)
      return fit ?? (namesSeq(question, entry.seq) ? 'yes' : 'no')
    }
    default:
      return fitsControl(question, entry) ? 'yes' : 'no'
  }
}
