import type { JWK } from 'jose'
import { CountersignError, equalBytes, utf8 } from '../../canon/index.js'
import { openSide, type SideReader } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type AttemptBody,
  commitment,
  type DecisionInputs,
  decodeEntry,
  type Entry,
  encodeInputs,
} from '../../receipt/index.js'
import type { ReceiptSource } from '../receipt-source.js'

/** Codes under which a policy has decided; everything else was refused before a rule was asked, or after. */
const DECIDED = [
  'allowed',
  'observed',
  'denied_by_rule',
  'no_matching_rule',
  'unknown_operation',
  'approval_required',
  'over_limit',
  'outside_grant',
  'policy_expired',
  'clock_behind',
]

/** An attempt that a policy has decided, with all that is known of it. */
export interface RecordedAttempt {
  readonly kind: 'attempt'
  readonly entry: Entry & AttemptBody
  /** What the policy said; a request that passed under an approval was held. */
  readonly effect: 'allow' | 'hold' | 'deny'
  readonly known: Known
}

/** What the decision used; or why only the receipt speaks. */
export type Known =
  | { readonly kind: 'inputs'; readonly inputs: DecisionInputs }
  | { readonly kind: 'receipt'; readonly why: string }

export type Recorded =
  | RecordedAttempt
  /** The attempt with this number never reached the upstream: what it had reserved is free again. */
  | { readonly kind: 'not_sent'; readonly seq: number }
  /** A request that no policy decided. */
  | { readonly kind: 'undecided'; readonly seq: number }

/**
 * The attempts of a log in their order. With the auditor's private key the decision inputs are opened and held against
 * the receipt's commitment; inputs that don't fit it are not used.
 */
export async function* recordedAttempts(
  source: ReceiptSource,
  auditorKey: JWK | null,
  onEntry: (count: number) => void,
): AsyncGenerator<Recorded> {
  const side = auditorKey === null ? null : openSide(auditorKey)
  const wrappedKeys = new Map<string, string>()
  let count = 0
  for await (const bytes of source.entries()) {
    const entry = decodeEntry(bytes)
    onEntry(++count)
    switch (entry.type) {
      case 'boot':
        if (typeof entry.data.side_key === 'string') wrappedKeys.set(entry.boot, entry.data.side_key)
        break
      case 'outcome':
        if (entry.status === 'not_sent') yield { kind: 'not_sent', seq: entry.attempt }
        break
      case 'attempt': {
        if (entry.ops.length === 0 || !DECIDED.includes(entry.decision.code)) {
          yield { kind: 'undecided', seq: entry.seq }
          break
        }
        const { effect } = entry.decision
        const known = await knownOf(entry, source, side, wrappedKeys.get(entry.boot))
        yield {
          kind: 'attempt',
          entry,
          effect: effect === 'allow' && entry.approval !== undefined ? 'hold' : effect,
          known,
        }
        break
      }
      default:
    }
  }
}

async function knownOf(
  entry: Entry & AttemptBody,
  source: ReceiptSource,
  side: SideReader | null,
  wrappedKey: string | undefined,
): Promise<Known> {
  if (side === null)
    return {
      kind: 'receipt',
      why: 'the arguments are in the decision inputs, which only the auditor’s key opens',
    }
  const record = wrappedKey === undefined ? undefined : await source.side(entry.id)
  if (wrappedKey === undefined || record === undefined)
    return { kind: 'receipt', why: 'the decision inputs are not in this log' }
  try {
    const { inputs, secret } = await side.open(wrappedKey, entry.id, record)
    const opened = utf8(commitment(nativeCrypto, secret, 'inputs', encodeInputs(inputs)))
    // ATTACK: a side record that was exchanged would tell another story than the one that was signed.
    if (equalBytes(opened, utf8(entry.inputs_c))) return { kind: 'inputs', inputs }
    return { kind: 'receipt', why: 'the decision inputs are not those of the receipt' }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return { kind: 'receipt', why: 'the key does not open the decision inputs' }
  }
}
