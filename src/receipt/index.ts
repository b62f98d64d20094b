export {
  type AddCheckpoint,
  formatAddCheckpoint,
  MAX_ADD_CHECKPOINT_BYTES,
  parseAddCheckpoint,
} from './add-checkpoint.js'
export {
  type Bundle,
  type BundledEntry,
  type Disclosure,
  encodeBundle,
  looksLikeBundle,
  MAX_BUNDLE_BYTES,
  parseBundle,
  settledCatalogs,
  settledDisclosures,
  settledEnvelope,
  settledNote,
  settledPolicies,
} from './bundle.js'
export type { Citation } from './bundle-citations.js'
export type { BundledPolicy } from './bundle-documents.js'
export { BUNDLE_FINDINGS, type BundleFinding, type BundleFindingCode } from './bundle-findings.js'
export { gatherProofs } from './bundle-proofs.js'
export { judgeSeal, type OwnTrust, recoveryOpener } from './bundle-trust.js'
export {
  type CheckedEntry,
  checkEntry,
  type EntryBatches,
  type EntryChecker,
  type KeysById,
  type LogStep,
  type SignatureVerdict,
} from './checked-entry.js'
export {
  type Checkpoint,
  isCheckpointSignedBy,
  logKey,
  parseCheckpoint,
  type SignedCheckpoint,
  signCheckpoint,
  signCheckpointWith,
} from './checkpoint.js'
export {
  ATTEMPT_SECRET_BYTES,
  COMMITTED_FIELD,
  type CommittedField,
  commitment,
  fieldKey,
  opensCommitment,
} from './commitment.js'
export { cosign, cosignedAt } from './cosignature.js'
export {
  CountersignatureAudit,
  type CountersignaturesChecked,
  type GroupsOf,
  type RevokedKeys,
} from './countersignatures.js'
export { commitmentIn } from './disclosed.js'
export {
  type AttemptAgent,
  type AttemptBody,
  type AttemptOperation,
  type AttemptProbe,
  type AttemptRequest,
  CONTROL_TYPES,
  type ControlBody,
  type ControlType,
  type Entry,
  type EntryBody,
  type EntryPosition,
  OUTCOME_STATUSES,
  type OutcomeBody,
  type OutcomeStatus,
} from './entry.js'
export type { EntryAudit, ReportDeviation } from './entry-audit.js'
export { ErasureAudit, type ErasuresChecked } from './erasure-orders.js'
export { receiptErrors } from './error-table.js'
export { FINDINGS, type FindingCode, type FindingInLog, findingAt } from './findings.js'
export { CONTROL_FORMATS, entryProblem } from './formats.js'
export { gatherNodes } from './gather-nodes.js'
export {
  type Agreed,
  type DecisionInputs,
  encodeInputs,
  encodeSideRecord,
  openInputs,
  type SideRecord,
} from './inputs.js'
export {
  formatNote,
  formatVerifierKey,
  isNoteName,
  type NoteKey,
  type NoteSignature,
  noteKeyHash,
  parseSignatures,
  parseVerifierKey,
  signatureLine,
} from './note.js'
export { idTime, placedAttempt, UNDER_WAY_MS } from './placed-attempt.js'
export { PolicySealAudit, type SealersOf, type SealsChecked } from './policy-seals.js'
export { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proof.js'
export type { OpenRecovery, Recovered } from './recovered.js'
export { type ReferenceSummary, References } from './references.js'
export {
  decodeEntry,
  encodeEntry,
  entrySealer,
  MAX_ENTRY_BYTES,
  type OpenedEntry,
  openEntry,
  remoteEntrySealer,
  type SealedEntry,
} from './seal.js'
export { type Silence, Silences } from './silence.js'
export { controlStep, disclosedText, quoted, type StoryFact, type StoryStep, storyOf } from './story.js'
export { formatTlogProof, parseTlogProof, provesEntry, type TlogProof } from './tlog-proof.js'
export {
  emptyRoot,
  frontier,
  GrowingTree,
  leafHash,
  type NodeReader,
  nodeHash,
  rootAt,
  type TreeNode,
} from './tree.js'
export { type SignersOf, TrustAudit, type TrustFollowed } from './trust-history.js'
export type { KeyPlace, PinnedKeys } from './trusted-keys.js'
export {
  LogVerifier,
  type OpenInLog,
  takeAll,
  type Verification,
  type VerifyOptions,
  verifyEntries,
} from './verify.js'
export {
  type BundleOptions,
  type BundleVerification,
  verifyBundle,
} from './verify-bundle.js'
export {
  isSignedByLogOf,
  type LocatedKey,
  parseLogList,
  parseWitnessPolicy,
  type WitnessPolicy,
  witnessedAt,
} from './witness-policy.js'
