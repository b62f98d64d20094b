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
export { policyErrors, policyFault } from './error-table.js'
export { type Finding, type FindingCode, findingCodes } from './finding.js'
export { type LintOptions, lintPolicy } from './lint.js'
export { type PolicyFindings, type PolicySource, parsePolicySource } from './source.js'
export { type Enrolment, TRUST_ROLES, type TrustRole, type TrustRoot } from './trust.js'
