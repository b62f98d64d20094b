import type { ArgumentRule } from '../../src/protocol/index.js'

/**
 * A configuration patch deletes whatever it marks `isDeleted` or sets to null, at any depth. The value of the mark
 * isn't looked at: free JSON is read by code that may take 1 or "true" for true.
 */
function deletionsIn(path: string): readonly ArgumentRule[] {
  return [
    { path, is: 'contains-key', key: 'isDeleted', adds: ['irreversible'] },
    { path, is: 'contains-null', adds: ['destructive'] },
  ]
}

function notGiven(path: string, adds: ArgumentRule['adds']): readonly ArgumentRule[] {
  return [
    { path, is: 'absent', adds },
    { path, is: 'empty', adds },
  ]
}

function given(paths: readonly string[], adds: ArgumentRule['adds']): readonly ArgumentRule[] {
  return paths.map(path => ({ path, is: 'present', adds }))
}

/** Reaches beyond the environment that the arguments name. */
const EVERY_ENVIRONMENT: readonly ArgumentRule[] = [
  { path: 'input.allEnvironments', is: 'equals', value: true, adds: ['destructive', 'opaque'] },
]

/** Arguments that make a mutation worse than its name says. */
export const MUTATION_RULES: Readonly<Record<string, readonly ArgumentRule[]>> = {
  egressGatewayRollbackFromHA: EVERY_ENVIRONMENT,
  egressGatewayUpgradeToHA: EVERY_ENVIRONMENT,
  environmentPatchCommit: deletionsIn('patch'),
  environmentStageChanges: deletionsIn('input'),
  projectCreate: [{ path: 'input.isPublic', is: 'equals', value: true, adds: ['privilege'] }],
  projectUpdate: [{ path: 'input.isPublic', is: 'equals', value: true, adds: ['privilege'] }],
  serviceConnect: given(['input.image', 'input.repo'], ['opaque']),
  serviceInstanceUpdate: [
    ...notGiven('environmentId', ['destructive']),
    ...given(
      [
        'input.buildCommand',
        'input.dockerfilePath',
        'input.nixpacksPlan',
        'input.preDeployCommand',
        'input.railwayConfigFile',
        'input.rootDirectory',
        'input.source',
        'input.startCommand',
      ],
      ['opaque'],
    ),
    { path: 'input.numReplicas', is: 'equals', value: 0, adds: ['destructive'] },
    { path: 'input.multiRegionConfig', is: 'present', adds: ['destructive'] },
  ],
  serviceInstanceLimitsUpdate: [
    { path: 'input.memoryGB', is: 'equals', value: 0, adds: ['destructive'] },
    { path: 'input.vCPUs', is: 'equals', value: 0, adds: ['destructive'] },
  ],
  updateServiceEdgeRules: notGiven('input.edgeRules', ['destructive']),
  // Every variable that isn't listed goes.
  variableCollectionUpsert: [{ path: 'input.replace', is: 'differs', value: false, adds: ['destructive'] }],
  volumeInstanceBackupScheduleUpdate: notGiven('kinds', ['destructive']),
  volumeInstanceUpdate: [
    // Without an environment it changes every instance of the volume.
    ...notGiven('environmentId', ['destructive']),
    { path: 'input.state', is: 'present', adds: ['destructive'] },
    { path: 'input.state', is: 'equals', value: 'DELETED', adds: ['irreversible'] },
    { path: 'input.state', is: 'equals', value: 'DELETING', adds: ['irreversible'] },
    // Detaches the volume from its service.
    { path: 'input.serviceId', is: 'null', adds: ['destructive'] },
    { path: 'input.serviceId', is: 'empty', adds: ['destructive'] },
  ],
}

/** Mutations with the same effect under different names. */
export const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  'backup-delete': [
    'volumeInstanceBackupDelete',
    'volumeInstanceBackupRestore',
    'volumeInstanceBackupScheduleUpdate',
  ],
  'data-delete': [
    'cloudAgentDelete',
    'environmentApplyChangeSet',
    'environmentDelete',
    'environmentPatchCommit',
    'environmentPatchCommitStaged',
    'environmentStageChanges',
    'pluginDelete',
    'pluginReset',
    'projectDelete',
    'projectScheduleDelete',
    'projectScheduleDeleteForce',
    'sandboxCheckpointDelete',
    'sandboxDestroy',
    'serviceDelete',
    'userDelete',
    'volumeDelete',
    'volumeInstanceBackupDelete',
    'volumeInstanceBackupRestore',
    'workspaceDelete',
  ],
  deploy: [
    'deploymentRedeploy',
    'deploymentRestart',
    'deploymentRollback',
    'environmentTriggersDeploy',
    'githubRepoDeploy',
    'serviceConnect',
    'serviceInstanceDeploy',
    'serviceInstanceDeployV2',
    'serviceInstanceRedeploy',
    'templateDeploy',
    'templateDeployV2',
  ],
  membership: [
    'inviteCodeUse',
    'projectInvitationAccept',
    'projectInvitationCreate',
    'projectInvitationResend',
    'projectInviteUser',
    'projectMemberAdd',
    'projectMemberUpdate',
    'projectTransfer',
    'projectTransferConfirm',
    'projectTransferInitiate',
    'projectTransferToTeam',
    'trustedDomainCreate',
    'trustedDomainUpdate',
    'workspaceInviteCodeCreate',
    'workspaceInviteCodeUse',
    'workspacePermissionChange',
    'workspaceUserInvite',
  ],
  'remote-exec': [
    'cloudAgentCreate',
    'deploymentInstanceExecutionCreate',
    'generateShellToken',
    'sandboxExec',
  ],
  'token-create': [
    'apiTokenCreate',
    'bucketCredentialsReset',
    'generateShellToken',
    'loginSessionConsume',
    'loginSessionCreate',
    'pluginResetCredentials',
    'projectTokenCreate',
    'sshPublicKeyCreate',
  ],
}
