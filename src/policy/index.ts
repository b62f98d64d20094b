export { activate, readSealedApprovers } from './activate.js'
export type {
  ActivePolicy,
  AgentIdentity,
  ApproverGroup,
  ApproverKey,
  CredentialSpec,
  Decision,
  DecisionCode,
  DecisionInput,
  Effect,
  FittingRule,
  LimitWindow,
  PolicyAgent,
  PolicyApi,
  Reservation,
} from './active.js'
export { filesOf } from './api-catalog.js'
export { type Budget, counterOf } from './budget.js'
export { addNever, type CompiledResult, type CompileOptions, compilePolicy } from './compile.js'
export type { CompiledNever } from './compiled.js'
export { type Counterexample, counterexampleOf } from './counterexample.js'
export {
  type ApprovalStatement,
  type ApprovalVerdict,
  argumentsCommitment,
  type Countersignature,
  countersignaturePayload,
  decodeCountersignature,
  hasEnough,
  isLater,
  isWithinReach,
  MAX_STATEMENT_BYTES,
  type OpenCountersignature,
  openCountersignature,
  probesCommitment,
  publicKeyOf,
  type Signature,
  type StatedOperation,
  sealCountersignature,
  standingGroups,
  statedOperation,
  statementDigest,
} from './countersignature.js'
export {
  type Direction,
  diffPolicies,
  type OperationChange,
  type PolicyDiff,
  type TermChange,
} from './diff.js'
export { type PolicyDocument, policyJsonSchema } from './document.js'
export { type NeverDocument, NeverFile } from './document-rule.js'
export { NAME as APPROVER_NAME } from './document-terms.js'
export { parseDurationSeconds } from './duration.js'
export {
  type Enrolment,
  INSTANCE_ROLES,
  type InstanceRole,
  isEnrolledAt,
  openEnrolment,
  openPastEnrolment,
  sealEnrolment,
} from './enrolment.js'
export {
  type EnrolmentRequest,
  enrolmentIn,
  openEnrolmentRequest,
  sealEnrolmentRequest,
} from './enrolment-request.js'
export { policyErrors, policyFault } from './error-table.js'
export { type EvidenceBound, type EvidenceBounds, type EvidenceLag, isBeyond } from './evidence.js'
export { type Finding, type FindingCode, findingCodes } from './finding.js'
export { globMatches } from './glob.js'
export {
  GRANT_ORDER_WINDOW_MS,
  openGrantOrder,
  type SignedGrantOrder,
  sealGrantOrder,
} from './grant-order.js'
export { type LintOptions, lintPolicy } from './lint.js'
export {
  type Matrix,
  type MatrixRow,
  type MatrixTotals,
  type MatrixVerdict,
  matrixOf,
  UNLISTED,
  VERDICTS,
} from './matrix.js'
export { type Breach, findBreaches, provenByIds } from './never.js'
export { observers, refuseLongObserving } from './observe.js'
export { type OpenPolicyOptions, openPolicy, readSealedMetadata, type SealedMetadata } from './open.js'
export { openSigned, type SignedPayload } from './open-signed.js'
export {
  OPERATE_ORDER_WINDOW_MS,
  type OperateAction,
  type OperateOrder,
  openOperateOrder,
  openPastOperateOrder,
  type SignedOperateOrder,
  sealOperateOrder,
} from './operate-order.js'
export {
  hasCountedOn,
  isRpId,
  isSharedHost,
  type Passkey,
  type PasskeyAssertion,
  type PasskeyTouch,
  passkeyChallenge,
  passkeyEnvelope,
  passkeyKeyId,
} from './passkey.js'
export {
  PROBE_STATUSES,
  type ProbeQuestion,
  type ProbeResult,
  type ProbeStatus,
} from './probe.js'
export {
  openRecovery,
  type Recovery,
  readRecovery,
  requireFreshRecovery,
  type SignedRecovery,
  sealRecovery,
} from './recovery.js'
export type { RuleSummary } from './rule-summary.js'
export { Type } from './schema-type.js'
export { addSignature, sealPolicy } from './seal.js'
export { misfitIn } from './shape.js'
export { couldSign, keysOfRole, revokedSigners, signersOf } from './signatures.js'
export { type PolicySource, parsePolicySource, parseSource, type Source } from './source.js'
export {
  type ApiSurvey,
  type Case,
  OBSERVING,
  type OperationSurvey,
  openSurvey,
  type PolicySurvey,
  surveyOperation,
  type Way,
} from './survey.js'
export { requireHttps } from './transport.js'
export {
  isWithdrawn,
  readTrustRoot,
  revokedKeys,
  revokedSinceMs,
  TRUST_ROLES,
  type TrustRole,
  type TrustRoot,
} from './trust.js'
export {
  openNext,
  openTrustChain,
  openTrustRoot,
  readTrustChain,
  requireSeen,
  retireKey,
  revokeKey,
  rotateTrustRoot,
  type SeenTrustRoot,
  sealTrustRoot,
  type TrustRootChange,
  trustRootId,
} from './trust-root.js'
