/** What can be wrong with a log, by code; docs/receipts.md lists them, and a test compares. */
export const FINDINGS = {
  log_empty: 'there is no entry; an empty log proves nothing',
  source_damaged: 'the evidence cannot be read any further',
  entry_malformed: 'is not an entry in its one canonical form',
  entry_key: 'is signed by a key that is not trusted for this log',
  entry_signature: 'its signature does not verify',
  chain_start: 'the log does not begin with its genesis',
  chain_origin: 'belongs to another log',
  chain_seq: 'is not the entry that belongs here',
  chain_prev: 'does not follow the entry before it',
  chain_time: 'is older than the entry before it',
  boot_unannounced: 'names a start of the keeper that no boot entry announced',
  boot_head: 'cites another head than the log had then',
  outcome_unmatched: 'closes no open attempt',
  checkpoint_signature: 'the checkpoint is not signed by a key that is trusted for it',
  checkpoint_origin: 'the checkpoint is of another log',
  tail_missing: 'the log is shorter than its checkpoint',
  root_differs: 'the log is not the one that its checkpoint signed',
  store_tree: 'a stored tree hash is not that of the entries',
  store_head: 'the stored head is not that of the entries',
  store_open: 'the stored open attempts are not those of the entries',
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
