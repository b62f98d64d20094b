export type { HighestPolicy, OpenedPolicy, PolicyRefusal, SealedSource } from './activation.js'
export { comparedWith, type ShownApproval } from './approval.js'
export type { ApprovalSummary } from './approval-summary.js'
export type { ArchivesStatus } from './archives.js'
export type { UsedBudget } from './budgets.js'
export { Counters, type Hold } from './counters.js'
export { entrySentence } from './entry-sentence.js'
export { keeperErrors } from './error-table.js'
export { type IssuedGrant, loadRevocations, type Revocations } from './grants.js'
export { type Keeper, type KeeperOptions, startKeeper } from './keeper.js'
export { KEPT_POLICIES, keepingPolicies } from './kept-policies.js'
export type { Notice, NoticePlace, NoticeStatus } from './notices.js'
export { policyFetch } from './policy-fetch.js'
export { type PolicyFilesOptions, policyFiles } from './policy-files.js'
export { CACHED_POLICY, policyUrl } from './policy-url.js'
export type {
  Clock,
  EvidenceFollower,
  EvidenceFollowers,
  KeeperPorts,
  Log,
  RandomBytes,
} from './ports.js'
export { PROBES, type ProbeBounds } from './probing.js'
export { recordMint } from './record-mint.js'
export { recordVaultChange } from './record-vault.js'
export { carryOver } from './recovered.js'
export type { RemoteAdminOptions, RemoteTls } from './remote-admin.js'
export type { Freeze, Halt, HaltScope } from './stops.js'
export { type InstanceKeys, type KeysRefusal, type NextKeys, successionEntries } from './succession.js'
export { type Explanation, explainReceipt } from './why.js'
