export { activate } from './activate.js'
export type {
  ActivePolicy,
  AgentIdentity,
  ApproverGroup,
  CredentialSpec,
  Decision,
  DecisionCode,
  DecisionInput,
  Effect,
  LimitWindow,
  PolicyAgent,
  PolicyApi,
  Reservation,
} from './active.js'
export { filesOf } from './api-catalog.js'
export { type CompiledResult, type CompileOptions, compilePolicy } from './compile.js'
export { type PolicyDocument, policyJsonSchema } from './document.js'
export { openEnrolment, sealEnrolment } from './enrolment.js'
export { policyErrors, policyFault } from './error-table.js'
export { type Finding, type FindingCode, findingCodes } from './finding.js'
export { openGrantOrder, type SignedGrantOrder, sealGrantOrder } from './grant-order.js'
export { type OpenedPayload, type OpenPolicyContext, openPolicy } from './open.js'
export { addSignature, sealPolicy } from './seal.js'
export { requireSigners } from './signers.js'
export { type PolicyFindings, type PolicySource, parsePolicySource } from './source.js'
export { type Enrolment, TRUST_ROLES, type TrustRole, type TrustRoot } from './trust.js'
export { openTrustRoot, sealTrustRoot, trustRootId } from './trust-root.js'
