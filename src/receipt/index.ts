export {
  type Checkpoint,
  checkpointBody,
  isCheckpointSignedBy,
  logKey,
  parseCheckpoint,
  type SignedCheckpoint,
  signCheckpoint,
  signCheckpointWith,
} from './checkpoint.js'
export { ATTEMPT_SECRET_BYTES, type CommittedField, commitment, fieldKey } from './commitment.js'
export { cosign, cosignedAt } from './cosignature.js'
export {
  type AttemptAgent,
  type AttemptBody,
  type AttemptOperation,
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
export { receiptErrors } from './error-table.js'
export { FINDINGS, type FindingCode, type FindingInLog } from './findings.js'
export { CONTROL_FORMATS, entryProblem } from './formats.js'
export { type DecisionInputs, encodeInputs, encodeSideRecord, openInputs, type SideRecord } from './inputs.js'
export {
  formatNote,
  formatVerifierKey,
  type NoteKey,
  type NoteSignature,
  parseSignatures,
  parseVerifierKey,
  signatureLine,
} from './note.js'
export { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proof.js'
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
export { type KeyPlace, type PinnedKeys, TrustedKeys } from './trusted-keys.js'
export {
  LogVerifier,
  type OpenInLog,
  type Verification,
  type VerifyOptions,
  verifyEntries,
} from './verify.js'
export {
  isSignedByLogOf,
  parseWitnessPolicy,
  type WitnessPolicy,
  witnessedAt,
} from './witness-policy.js'
