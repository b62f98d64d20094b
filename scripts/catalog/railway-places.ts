/** Which arguments say where an operation acts, and on what. */

/** Scope member by the name of the argument. */
const SCOPE_OF: Readonly<Record<string, string>> = {
  environmentId: 'environment',
  targetEnvironmentId: 'environment',
  projectId: 'project',
  workspaceId: 'workspace',
  destinationWorkspaceId: 'workspace',
  teamId: 'workspace',
  serviceId: 'service',
  rootServiceId: 'service',
}

/** Resource type by the name of the argument; `volumeId` and its like follow from the name. */
const RESOURCE_OF: Readonly<Record<string, string>> = {
  baseEnvironmentId: 'environment',
  baseEnvironmentOverrideId: 'environment',
  deliveryIds: 'notificationDelivery',
  demoProjectId: 'project',
  disabledServiceIds: 'service',
  enabledServiceIds: 'service',
  existingRootServiceId: 'service',
  memberId: 'user',
  recordId: 'dnsRecord',
  replicaServiceIds: 'service',
  rootServiceId: 'service',
  serviceIds: 'service',
  sourceEnvironmentId: 'environment',
  sourceSandboxId: 'sandbox',
  targetEnvironmentId: 'environment',
  wipeServiceIds: 'service',
}

/** Scope only, or of no use in a policy. */
const NO_RESOURCE: ReadonlySet<string> = new Set([
  'agentSessionId',
  'destinationWorkspaceId',
  'environmentId',
  'installRequestId',
  'projectId',
  'providerId',
  'ruleId',
  'sessionId',
  'sourceId',
  'teamId',
  'workspaceId',
])

/** What a plain `id`, `ids` or `input.id` names. The generator fails on an operation that isn't listed. */
const ID_NAMES: Readonly<Record<string, readonly string[]>> = {
  apiToken: ['apiTokenDelete'],
  auditLog: ['auditLog'],
  botScopeBinding: ['botScopeBindingRemove'],
  bucket: ['bucketUpdate'],
  changeSetApply: ['environmentChangeSetApply'],
  changelogBlock: ['changelogBlockImage'],
  cloudAgent: ['cloudAgent', 'cloudAgentDelete', 'cloudAgentSleep', 'cloudAgentWake'],
  customDomain: [
    'customDomain',
    'customDomainDelete',
    'customDomainIssueCertificate',
    'customDomainUpdate',
    'domainStatus',
  ],
  customer: ['customerCreateFreePlanSubscription'],
  deploySource: ['workspacePolicyDeploySourceAllowlistRemove'],
  deployment: [
    'deployment',
    'deploymentApprove',
    'deploymentCancel',
    'deploymentEvents',
    'deploymentRedeploy',
    'deploymentRemove',
    'deploymentRestart',
    'deploymentRollback',
    'deploymentStop',
  ],
  deploymentTrigger: ['baseEnvironmentOverride', 'deploymentTriggerDelete', 'deploymentTriggerUpdate'],
  environment: ['environment', 'environmentDelete', 'environmentRename'],
  environmentPatch: ['environmentPatch'],
  integration: ['integrationDelete', 'integrationUpdate'],
  notificationDelivery: ['notificationDelivery'],
  notificationRule: ['notificationRuleDelete', 'notificationRuleUpdate'],
  observabilityDashboard: ['observabilityDashboardReset', 'observabilityDashboardUpdate'],
  passkey: ['passkeyDelete'],
  plugin: [
    'plugin',
    'pluginDelete',
    'pluginReset',
    'pluginResetCredentials',
    'pluginRestart',
    'pluginStart',
    'pluginUpdate',
  ],
  privateNetworkEndpoint: ['privateNetworkEndpointDelete', 'privateNetworkEndpointRename'],
  project: [
    'project',
    'projectClaim',
    'projectDelete',
    'projectInvitationCreate',
    'projectInvitations',
    'projectInviteUser',
    'projectLeave',
    'projectScheduleDelete',
    'projectScheduleDeleteCancel',
    'projectScheduleDeleteForce',
    'projectTransferToTeam',
    'projectUpdate',
    'projectsByIds',
  ],
  projectInvitation: ['projectInvitationDelete', 'projectInvitationResend'],
  projectToken: ['projectTokenDelete'],
  providerAuth: ['providerAuthRemove'],
  railwayDomain: ['railwayDomain', 'railwayDomainNameserversSet', 'railwayDomainUpdate'],
  sandbox: ['sandbox', 'sandboxDestroy', 'sandboxExec', 'sandboxHeartbeat', 'sandboxSessions'],
  sandboxCheckpoint: ['sandboxCheckpointDelete', 'sandboxCheckpointRename'],
  sandboxTemplateBuild: ['sandboxTemplateBuild'],
  service: [
    'service',
    'serviceConnect',
    'serviceDelete',
    'serviceDisconnect',
    'serviceRemoveUpstreamUrl',
    'serviceUpdate',
  ],
  serviceDomain: ['serviceDomainDelete'],
  session: ['sessionDelete'],
  sshPublicKey: ['sshPublicKeyDelete'],
  tcpProxy: ['tcpProxyDelete'],
  team: ['team'],
  template: ['template', 'templateDelete', 'templateMetrics', 'templatePublish', 'templateUnpublish'],
  trustedDomain: ['trustedDomainDelete', 'trustedDomainRetriggerVerification', 'trustedDomainUpdate'],
  volumeInstance: ['volumeInstance'],
  workspace: ['workspaceDelete', 'workspaceLeave', 'workspaceUpdate', 'workspaceUpsertSlackChannel'],
}

const ID_OF = new Map(
  Object.entries(ID_NAMES).flatMap(([type, names]) => names.map(name => [name, type] as const)),
)
const SCOPES: ReadonlySet<string> = new Set(Object.values(SCOPE_OF))

export interface Places {
  readonly scope: Record<string, string[]>
  readonly resources: Record<string, string[]>
}

/** Scope and resources of an operation by the paths of its arguments: `environmentId`, `input.projectId`. */
export function placesOf(operation: string, paths: readonly string[]): Places {
  const places: Places = { scope: {}, resources: {} }
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf('.') + 1)
    const id = name === 'id' || name === 'ids' ? idOf(operation, path) : null
    const scope = id === null ? SCOPE_OF[name] : SCOPES.has(id) && name === 'id' ? id : undefined
    const resource = id ?? resourceOf(name)
    if (scope !== undefined) add(places.scope, scope, path)
    if (resource !== null) add(places.resources, resource, path)
  }
  for (const type of Object.keys(places.resources)) {
    const behind = BEHIND[type]
    if (behind !== undefined) places.resources[behind] ??= []
  }
  return places
}

/**
 * What a thing belongs to, by its type: a backup is on a volume, and no argument says on which. Without an argument of its
 * own that stays open, so that a deny of the volume meets its backups.
 */
const BEHIND: Readonly<Record<string, string>> = {
  customDomain: 'service',
  deployment: 'service',
  deploymentInstance: 'service',
  deploymentTrigger: 'service',
  serviceDomain: 'service',
  serviceInstance: 'service',
  tcpProxy: 'service',
  volumeInstance: 'volume',
  volumeInstanceBackup: 'volume',
  volumeInstanceExternal: 'volume',
}

function add(paths: Record<string, string[]>, name: string, path: string): void {
  const list = paths[name] ?? []
  list.push(path)
  paths[name] = list
}

function idOf(operation: string, path: string): string | null {
  // An item of a list of inputs, or an owner that only narrows a read.
  if (path === 'explicitResourceOwner.id') return null
  const type = ID_OF.get(operation)
  if (type === undefined) throw new Error(`what ${path} of ${operation} names is not in railway-places.ts`)
  return type
}

function resourceOf(name: string): string | null {
  if (NO_RESOURCE.has(name)) return null
  return RESOURCE_OF[name] ?? /^(\w+)Ids?$/.exec(name)?.[1] ?? null
}
