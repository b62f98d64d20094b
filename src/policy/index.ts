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
export { policyErrors, policyFault } from './error-table.js'
export { type Enrolment, TRUST_ROLES, type TrustRole, type TrustRoot } from './trust.js'
