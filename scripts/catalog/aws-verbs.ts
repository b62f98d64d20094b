import type { OperationClass } from '../../src/protocol/index.js'

/** The one of an operation's classes that says what becomes of data and settings. */
export type Effect = Extract<OperationClass, 'read' | 'create' | 'update' | 'destructive' | 'irreversible'>

/** As IAM groups its actions; `none` where it has no action of that name. */
export type AccessLevel = 'read' | 'write' | 'permissions' | 'tagging' | 'none'

export function accessLevel(text: string | undefined): AccessLevel {
  if (text === undefined) return 'none'
  if (text === 'Read' || text === 'List') return 'read'
  if (text.startsWith('Permissions management')) return 'permissions'
  if (text.startsWith('Tagging')) return 'tagging'
  if (text === 'Write') return 'write'
  throw new Error(`aws-verbs: unknown access level ${text}`)
}

const READS =
  words(`BatchDescribe BatchGet BatchIsAuthorized BatchRead Check Count Describe Detect Discover Estimate
  Evaluate Get Head Is List Lookup Preview Query Search Select Simulate Validate View`)

const CREATES =
  words(`Allocate Clone Compose Copy Create Export Import Instantiate Issue Launch Open Provision Publish
  Register Replicate Request Run Schedule Submit Upload`)

/** What is started anew, as against what is there and stands still. */
const STARTED =
  /(?:Analysis|Assessments?|Backup|Batch|Build|Calculation|Collection|Conversion|Deployment|Discovery|Evaluation|Execution|Export|Generation|Import|Job|Query|Run|Scan|Session|Simulation|Task|Test|Workflow)s?$/

/** Undone with effort, if whoever did it still knows what was there. */
const DESTROYS =
  words(`Abort Archive BatchCancel BatchDetach BatchDisable BatchDisassociate BatchStop BatchSuspend
  BatchUpdate Cancel Clear Close Deactivate Deauthorize Decline Decrease Deny Deprecate Deprovision Deregister Detach
  Disable Disassociate Disconnect Discard Dismiss Dissociate Expire Failover Finalize Flush Forget Global Invalidate Leave
  Logout Mark Merge Migrate Opt Pause Promote Reboot Reject Release Remove Replace Reset Restart Restore Retire Reverse
  Revoke Rollback Shutdown Skip Stop Suspend Swap Switchover Unassign Unclaim Undeploy Ungroup Unlink Unpeer Unregister
  Unshare Unsubscribe Withdraw`)

/** Gone for good. */
const ENDS = words('Dispose Purge Rebuild Redact Terminate')

const DELETES = /^(?:Admin|Batch|Bulk)?Delete(?=[A-Z]|$)(.*)$/

/**
 * What can be made again by whoever still knows what it said. Everything else that is deleted is taken for data, which
 * can't: unsure is the more severe.
 */
const SETTINGS = new RegExp(
  `(?:${words(`AccessControl AccessIdentity AccessPoint Action Actions Alarm Alarms Alias Association Associations Attachment Authorization
    Authorizer AutoScalingGroup Balancer BillingGroup Budget CORS Canary Capabilities Categor(?:y|ies) Check ClusterGroup
    Concurrency Config Configs Configuration Configurations Connection Connections Connector ConnectPeer Constraint
    Controls Crawler Classifier Cors Dashboard Dashboards Definition Definitions Destination Destinations Encryption Endpoint Endpoints
    Entitlement Entry FlowLogs FilterGroup Filter Filters Gateway GatewayResponse Grant Group Hook IPSet Interface Integration
    IntegrationResponse Keyword Layout Lifecycle Limit Link Listener Listeners Location Mapping Member Members Membership
    Method MethodResponse MountTarget Notification Notifications Objective Options? Origination Override PatchBaseline Path
    Permission Permissions Plan Policies Policy PortfolioShare Preferences Preset Profile Provider Proxy Recorder
    Registration Relationship ReusableDelegationSet Replication Reservation Resolver ResourceDataSync Response Restriction RouteSettings Route Rule Rules RuleSet Schedule
    ScheduledAction Selection Setting Settings Share Source Sources Stage Statement Strategy SubnetGroup Subscriber Subscription
    Subscriptions Target Targets Template Templates Termination Trail Threshold Throughput Trigger Triggers Trust Validator
    Webhook Website Window Xss?MatchSet ByteMatchSet GeoMatchSet RegexMatchSet RegexPatternSet SizeConstraintSet
    SqlInjectionMatchSet ReceiptRuleSet ConfigurationSet FirewallRuleGroup NetworkAcl Acl ACL`).join('|')})$`,
)

/** Named like settings, and full of data, or without the text that would make them again. */
const DATA = words(`Certificate FeatureGroup GameServerGroup GlobalReplicationGroup IdentitySource LogGroup
  ReplicationGroup Profile ReferenceDataSource SourceServer UserProfile`)

/**
 * What an operation does, by its verb, by what it is done to, and by what IAM says of it. IAM's word is final for reading
 * and tagging only: `ec2:ModifyInstanceAttribute` and `ec2:DeleteVolume` are both `Write`.
 */
export function effectOf(name: string, level: AccessLevel): Effect {
  if (level === 'read') return 'read'
  if (level === 'tagging') return 'update'
  const deleted = DELETES.exec(name)?.[1]
  if (deleted !== undefined) return deletion(deleted)
  // Cognito's operations for administrators: `AdminDisableUser`.
  const own = name.replace(/^Admin(?=[A-Z])/, '')
  const verb = verbOf(own)
  if (ENDS.includes(verb)) return 'irreversible'
  if (starts(own, DESTROYS)) return 'destructive'
  if (level === 'none' && starts(own, READS)) return 'read'
  if (verb === 'Start') return STARTED.test(own) ? 'create' : 'update'
  return CREATES.includes(verb) || own.startsWith('BatchCreate') ? 'create' : 'update'
}

function deletion(what: string): Effect {
  if (/^(?:Tags?|.*Tagging|.*Tags)$/.test(what)) return 'update'
  if (DATA.some(noun => what === noun)) return 'irreversible'
  return SETTINGS.test(what) ? 'destructive' : 'irreversible'
}

function starts(name: string, verbs: readonly string[]): boolean {
  return verbs.some(verb => name.startsWith(verb) && !/^[a-z]/.test(name.slice(verb.length)))
}

function verbOf(name: string): string {
  return /^[A-Z][a-z0-9]*/.exec(name)?.[0] ?? name
}

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
