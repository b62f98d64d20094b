/** What can be wrong with a bundle, by code; docs/receipts.md lists them, and a test compares. */
export const BUNDLE_FINDINGS = {
  bundle_malformed: 'the file is not a bundle in its one canonical form',
  bundle_order: 'what the bundle lists is not in its order, or stands twice',
  trust_chain: 'its versions of the trust root do not follow from one another',
  trust_pin: 'its trust root is not the one that you hold',
  enrolment: 'no enrolment leads from the trust root to the keys of this log',
  key_enrolment: 'changes the keys of the log, and what certifies that is not good',
  key_revoked: 'is signed by a revoked key, and nobody else shows that it was there before',
  checkpoint_malformed: 'the checkpoint is not a signed note',
  checkpoint_signature: 'the checkpoint is not signed by a key that is trusted for it',
  checkpoint_line: 'the checkpoint has a signature line by no key that you know',
  checkpoint_witness: 'the checkpoint was not seen by the witnesses that you ask for',
  entry_malformed: 'is not an entry in its one canonical form',
  entry_seq: 'says that it is another entry',
  entry_proof: 'its proof does not lead to the checkpoint',
  entry_key: 'is signed by a key that is not trusted for this log',
  entry_signature: 'its signature does not verify',
  chain_start: 'the genesis of the log is not here',
  chain_origin: 'belongs to another log',
  chain_prev: 'does not follow the entry before it',
  chain_time: 'is older than an entry before it',
  chain_ahead: 'is dated more than ten minutes after witnesses had seen it',
  boot_missing: 'names a start of the keeper whose boot entry is not here',
  recover_missing: 'the log is of a later epoch, and the recovery that began it is not here',
  recover_unproven: 'the recovery that it cites is not signed as the trust root asks',
  outcome_unmatched: 'closes no admitted attempt of this bundle that is open',
  entry_contradicts: 'says otherwise than the entry that it cites, or than itself',
  policy_malformed: 'a policy is not a sealed one in its one canonical form',
  policy_signature: 'a policy is not sealed by keys that the trust root has given that role',
  policy_uncited: 'a policy is cited by no entry',
  catalog_uncited: 'a catalog is pinned by no policy of the bundle',
  disclosure_unmatched: 'a disclosed value is not what the receipt has committed to',
} as const
export type BundleFindingCode = keyof typeof BUNDLE_FINDINGS

export interface BundleFinding {
  readonly code: BundleFindingCode
  /** The entry that it is about; null where it is about another part. */
  readonly seq: number | null
  /** `entry 17: its signature does not verify`. */
  readonly message: string
}

export function bundleFinding(code: BundleFindingCode, seq: number | null, detail: string): BundleFinding {
  const sentence = detail === '' ? BUNDLE_FINDINGS[code] : `${BUNDLE_FINDINGS[code]} (${detail})`
  return { code, seq, message: seq === null ? sentence : `entry ${seq}: ${sentence}` }
}
