/** What can be wrong with a log, by code; docs/receipts.md lists them, and a test compares. */
export const FINDINGS = {
  log_empty: 'there is no entry; an empty log proves nothing',
  source_damaged: 'the evidence cannot be read any further',
  entry_malformed: 'is not an entry in its one canonical form',
  entry_key: 'is signed by a key that is not trusted for this log',
  entry_key_revoked: 'is signed by a revoked key, and nothing covers it that this key could not have made',
  entry_signature: 'its signature does not verify',
  key_uncertified: 'enrols a key that nothing in hand certifies for this log and role',
  key_not_current: 'begins the log, or enrols a key, outside of the time that its enrolment is for',
  key_returns: 'brings back a key that this log has had before, or that has another role',
  chain_start: 'the log does not begin with its genesis',
  chain_origin: 'belongs to another log',
  chain_seq: 'is not the entry that belongs here',
  chain_prev: 'does not follow the entry before it',
  chain_time: 'is older than the entry before it',
  chain_ahead: 'is dated more than ten minutes after witnesses had seen it',
  boot_unannounced: 'names a start of the keeper that no boot entry announced',
  boot_head: 'cites another head than the log had then',
  archive_root: 'says that entries were archived which this log never had',
  outcome_unmatched: 'closes no open attempt',
  outcome_unfit: 'says that nothing was sent, and what was answered',
  checkpoint_signature: 'the checkpoint is not signed by a key that is trusted for it',
  checkpoint_origin: 'the checkpoint is of another log',
  tail_missing: 'the log is shorter than its checkpoint',
  root_differs: 'the log is not the one that its checkpoint signed',
  decision_unfit: 'says that it was decided otherwise than its code says, or admits what names no operation',
  policy_order: 'puts no newer policy in force than the one before, or ends one that is not in force',
  policy_unactivated: 'cites a policy that this log never put in force',
  policy_superseded: 'was decided by a policy that another had replaced before',
  policy_revoked: 'puts a policy in force that was sealed by a key that was revoked by then',
  policy_expired: 'was admitted under a policy that had expired',
  policy_withdrawn: 'was admitted under a policy that the trust root had withdrawn',
  trust_order: 'goes by an older version of the trust root than before, or by another of the same number',
  trust_differs: 'goes by another trust root than the one that you hold',
  grant_order: 'issues or revokes a grant out of order',
  grant_unissued: 'cites no grant that was issued here',
  grant_differs: 'is for another agent, environment, task or owner than the grant',
  grant_ended: 'cites a grant that had ended',
  approval_order: 'gives an approval a state that cannot follow',
  approval_differs: 'is of another agent, environment, task, owner, policy or request than the approval',
  approval_unfit: 'cites an approval that does not cover it',
  approval_reused: 'uses an approval that was used before',
  approval_ended: 'uses or changes an approval that had been rejected, used, voided or had expired',
  approval_unproven: 'is not signed as its policy asks',
  mint_unknown: 'cites a credential that was not minted for it',
  mint_differs: 'uses a credential that was minted for something else',
  mint_ended: 'uses a credential that had ended',
  credential_unfit: 'passed with another credential than its policy names for the API',
  probe_unfit: 'says of a question to its upstream what no entry bears out',
  halt_ignored: 'was admitted although its agent or task was halted',
  freeze_ignored: 'was admitted although only reads passed',
  stop_order: 'halts nothing, or ends a stop that was not in force',
  inputs_differ: 'its decision inputs are not what it commits to',
  inputs_missing: 'has no decision inputs any more, and no entry says that they were erased',
  erase_unordered: 'says that it was ordered to erase what no order of the role `operate` names',
  operations_differ: 'its operations are not those of the decision inputs',
  decision_differs: 'its policy decides otherwise from the same inputs',
  limit_exceeded: 'was admitted over a limit of its policy',
  store_tree: 'a stored tree hash is not that of the entries',
  store_head: 'the stored head is not that of the entries',
  store_open: 'the stored open attempts are not those of the entries',
  copy_object: 'a shipped object does not hold what its name says',
  copy_batches: 'two shipped batches hold different entries in this place',
  copy_differs: 'is another entry in the shipped copy',
  copy_missing: 'is not in the shipped copy',
  copy_only: 'is in the shipped copy and not in the log',
  recover_missing: 'the log is of a later epoch and does not say which recovery began it',
  recover_unproven: 'the recovery that it cites is not proven',
} as const
export type FindingCode = keyof typeof FINDINGS

export interface FindingInLog {
  readonly code: FindingCode
  /** Place in the log; null where the finding is about the whole. */
  readonly seq: number | null
  /** `entry 17: its signature does not verify`. */
  readonly message: string
}

export function findingAt(code: FindingCode, seq: number | null, detail = ''): FindingInLog {
  const sentence = detail === '' ? FINDINGS[code] : `${FINDINGS[code]} (${detail})`
  return { code, seq, message: seq === null ? sentence : `entry ${seq}: ${sentence}` }
}
