import type { JWK } from 'jose'
import { type AttemptBody, decodeEntry, type Entry } from '../../receipt/index.js'
import type { ReceiptSource } from '../receipt-source.js'
import { type Known, recordedInputs } from './recorded-inputs.js'

/** Codes under which a policy has decided; everything else was refused before a rule was asked, or after. */
export const DECIDED: readonly string[] = [
  'allowed',
  'observed',
  'denied_by_rule',
  'no_matching_rule',
  'unknown_operation',
  'approval_required',
  'approved',
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
  const opening = recordedInputs(source, auditorKey)
  let count = 0
  for await (const bytes of source.entries()) {
    const entry = decodeEntry(bytes)
    onEntry(++count)
    switch (entry.type) {
      case 'boot':
        opening.boot(entry)
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
        yield {
          kind: 'attempt',
          entry,
          effect: effect === 'allow' && entry.approval !== undefined ? 'hold' : effect,
          known: await opening.open(entry),
        }
        break
      }
      default:
    }
  }
}
