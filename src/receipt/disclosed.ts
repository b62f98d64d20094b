import type { Crypto } from '../canon/index.js'
import { compareDisclosures, type Disclosure } from './bundle.js'
import type { Report } from './bundle-trust.js'
import { type CommittedField, opensCommitment } from './commitment.js'
import type { Entry, OutcomeBody } from './entry.js'

/** Verifies disclosures against the entries' commitments and answers those that hold. */
export function verifyDisclosures(
  crypto: Crypto,
  disclosures: readonly Disclosure[],
  entries: ReadonlyMap<number, Entry>,
  outcomes: ReadonlyMap<number, OutcomeBody>,
  report: Report,
): readonly Pick<Disclosure, 'seq' | 'field'>[] {
  const held: Pick<Disclosure, 'seq' | 'field'>[] = []
  for (const [i, disclosure] of disclosures.entries()) {
    const { seq, field } = disclosure
    const before = disclosures[i - 1]
    if (before !== undefined && compareDisclosures(before, disclosure) >= 0)
      report('bundle_order', seq, 'disclosures')
    const attempt = entries.get(seq)
    const committed = attempt === undefined ? undefined : commitmentIn(attempt, outcomes.get(seq), field)
    if (committed !== undefined && opensCommitment(crypto, committed, disclosure)) held.push({ seq, field })
    else report('disclosure_unmatched', seq, field)
  }
  return held
}

/** What an attempt, or its outcome, has committed to for a field; undefined where it has no such field. */
export function commitmentIn(
  attempt: Entry,
  outcome: OutcomeBody | undefined,
  field: CommittedField,
): string | undefined {
  if (attempt.type !== 'attempt') return undefined
  switch (field) {
    case 'target':
      return attempt.req.target_c
    case 'body':
      return attempt.req.body_c ?? outcome?.body_c
    case 'inputs':
      return attempt.inputs_c
    case 'resp':
      return outcome?.resp_c
    default:
      if (field.startsWith('probes.')) return attempt.probes?.[Number(field.slice('probes.'.length))]?.facts_c
      return attempt.ops[Number(field.slice('ops.'.length))]?.more?.all_c
  }
}
