import type { OperationClass } from '../../src/protocol/index.js'
import type { Review } from './reviewed.js'

/** What GitHub's mutations do, reviewed by hand; the generator refuses a new one. Names as in the REST table's words. */
export const MUTATIONS: readonly Review[] = [
  {
    classes: ['irreversible'],
    operations: `
abortQueuedMigrations
abortRepositoryMigration
deleteDeployment
deleteDiscussion
deleteDiscussionComment
deleteIssue
deleteIssueComment
deleteLabel
deleteProject
deleteProjectCard
deleteProjectColumn
deleteProjectV2
deleteProjectV2Field
deleteProjectV2Item
deleteProjectV2StatusUpdate
deleteProjectV2Workflow
deletePullRequestReview
deletePullRequestReviewComment
deleteTeamDiscussion
deleteTeamDiscussionComment
deleteUserList
`,
  },
  {
    classes: ['irreversible', 'privilege'],
    operations: `
deleteEnvironment
removeEnterpriseIdentityProvider
removeEnterpriseMember
removeEnterpriseOrganization
removeOutsideCollaborator
transferEnterpriseOrganization
`,
  },
  {
    classes: ['destructive', 'privilege'],
    operations: `
cancelEnterpriseAdminInvitation
cancelEnterpriseMemberInvitation
deleteBranchProtectionRule
deleteIpAllowListEntry
deleteRepositoryRuleset
deleteVerifiableDomain
dismissRepositoryVulnerabilityAlert
removeEnterpriseAdmin
removeEnterpriseSupportEntitlement
revokeEnterpriseOrganizationsMigratorRole
revokeMigratorRole
`,
  },
  {
    classes: ['destructive'],
    operations: `
archiveProjectV2Item
archiveRepository
clearProjectV2ItemFieldValue
deleteLinkedBranch
deletePackageVersion
deleteRef
minimizeComment
transferIssue
`,
  },
  {
    classes: ['privilege', 'sensitive_read', 'irreversible'],
    operations: `
regenerateEnterpriseIdentityProviderRecoveryCodes
`,
  },
  {
    classes: ['privilege', 'update'],
    operations: `
acceptEnterpriseAdministratorInvitation
acceptEnterpriseMemberInvitation
accessUserNamespaceRepository
addEnterpriseOrganizationMember
addEnterpriseSupportEntitlement
approveDeployments
approveVerifiableDomain
dismissPullRequestReview
grantEnterpriseOrganizationsMigratorRole
grantMigratorRole
inviteEnterpriseAdmin
inviteEnterpriseMember
pinEnvironment
regenerateVerifiableDomainToken
rejectDeployments
reorderEnvironment
setEnterpriseIdentityProvider
setOrganizationInteractionLimit
setRepositoryInteractionLimit
updateBranchProtectionRule
updateCheckRun
updateCheckSuitePreferences
updateEnterprise**
updateEnvironment
updateIpAllowList**
updateNotificationRestrictionSetting
updateOrganizationAllowPrivateRepositoryForkingSetting
updateOrganizationWebCommitSignoffSetting
updateProjectV2Collaborators
updateRepositoryRuleset
updateRepositoryWebCommitSignoffSetting
updateTeamReviewAssignment
updateTeamsRepository
verifyVerifiableDomain
`,
  },
  {
    classes: ['create', 'privilege'],
    operations: `
addVerifiableDomain
createBranchProtectionRule
createCheckRun
createEnterpriseOrganization
createEnvironment
createIpAllowListEntry
createRepositoryRuleset
`,
  },
  {
    classes: ['create', 'opaque', 'privilege'],
    operations: `
createMigrationSource
startOrganizationMigration
startRepositoryMigration
`,
  },
  {
    // Runs what a workflow says, or merges later, when nobody looks.
    classes: ['create', 'opaque'],
    operations: `
createDeployment
rerequestCheckSuite
`,
  },
  {
    classes: ['opaque', 'update'],
    operations: `
enablePullRequestAutoMerge
enqueuePullRequest
`,
  },
  {
    classes: ['billing', 'irreversible'],
    operations: `
cancelSponsorship
createSponsorship
createSponsorships
`,
  },
  {
    classes: ['billing', 'update'],
    operations: `
createSponsorsListing
createSponsorsTier
publishSponsorsTier
retireSponsorsTier
updatePatreonSponsorability
updateSponsorshipPreferences
`,
  },
  {
    classes: ['create'],
    operations: `
addComment
addDiscussionComment
addDiscussionPollVote
addProjectCard
addProjectColumn
addProjectV2DraftIssue
addProjectV2ItemById
addPullRequestReview
addPullRequestReviewComment
addPullRequestReviewThread
addPullRequestReviewThreadReply
addReaction
addStar
addSubIssue
addUpvote
cloneProject
cloneTemplateRepository
convertProjectCardNoteToIssue
convertProjectV2DraftIssueItemToIssue
copyProjectV2
createAttributionInvitation
createCheckSuite
createCommitOnBranch
createDeploymentStatus
createDiscussion
createIssue
createLabel
createLinkedBranch
createProject
createProjectV2
createProjectV2Field
createProjectV2StatusUpdate
createPullRequest
createRef
createRepository
createTeamDiscussion
createTeamDiscussionComment
createUserList
importProject
revertPullRequest
submitPullRequestReview
`,
  },
  {
    classes: ['update'],
    operations: `
acceptTopicSuggestion
addAssigneesToAssignable
addLabelsToLabelable
changeUserStatus
clearLabelsFromLabelable
closeDiscussion
closeIssue
closePullRequest
convertPullRequestToDraft
declineTopicSuggestion
dequeuePullRequest
disablePullRequestAutoMerge
followOrganization
followUser
linkProjectV2ToRepository
linkProjectV2ToTeam
linkRepositoryToProject
lockLockable
markDiscussionCommentAsAnswer
markFileAsViewed
markProjectV2AsTemplate
markPullRequestReadyForReview
mergeBranch
mergePullRequest
moveProjectCard
moveProjectColumn
pinIssue
removeAssigneesFromAssignable
removeLabelsFromLabelable
removeReaction
removeStar
removeSubIssue
removeUpvote
reopenDiscussion
reopenIssue
reopenPullRequest
reprioritizeSubIssue
requestReviews
resolveReviewThread
setUserInteractionLimit
unarchiveProjectV2Item
unarchiveRepository
unfollowOrganization
unfollowUser
unlinkProjectV2FromRepository
unlinkProjectV2FromTeam
unlinkRepositoryFromProject
unlockLockable
unmarkDiscussionCommentAsAnswer
unmarkFileAsViewed
unmarkIssueAsDuplicate
unmarkProjectV2AsTemplate
unminimizeComment
unpinIssue
unresolveReviewThread
updateDiscussion
updateDiscussionComment
updateIssue
updateIssueComment
updateLabel
updateProject
updateProjectCard
updateProjectColumn
updateProjectV2
updateProjectV2DraftIssue
updateProjectV2Field
updateProjectV2ItemFieldValue
updateProjectV2ItemPosition
updateProjectV2StatusUpdate
updatePullRequest
updatePullRequestBranch
updatePullRequestReview
updatePullRequestReviewComment
updateRef
updateRefs
updateRepository
updateSubscription
updateTeamDiscussion
updateTeamDiscussionComment
updateTopics
updateUserList
updateUserListsForItem
`,
  },
]

/** Root fields that return a secret; the others read. */
export const SENSITIVE_QUERIES: ReadonlySet<string> = new Set([
  'enterpriseAdministratorInvitationByToken',
  'enterpriseMemberInvitationByToken',
])

/** Fields below the roots that return a secret: operations of their own. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'EnterpriseIdentityProvider.recoveryCodes',
  'Repository.tempCloneToken',
])

/** Named like secrets, and read by hand: they aren't. */
export const HARMLESS_FIELDS: Readonly<Record<string, string>> = {
  'GitHubMetadata.isPasswordAuthenticationVerifiable': 'a yes or no',
  'RegenerateVerifiableDomainTokenPayload.verificationToken': 'published in DNS',
  'VerifiableDomain.hasFoundVerificationToken': 'a yes or no',
  'VerifiableDomain.tokenExpirationTime': 'a time',
  'VerifiableDomain.verificationToken': 'published in DNS',
}

export const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  'content-write': [
    'createCommitOnBranch',
    'createRef',
    'deleteRef',
    'mergeBranch',
    'mergePullRequest',
    'updatePullRequestBranch',
    'updateRef',
    'updateRefs',
  ],
  merge: ['enablePullRequestAutoMerge', 'enqueuePullRequest', 'mergeBranch', 'mergePullRequest'],
  'protection-change': [
    'createBranchProtectionRule',
    'createEnvironment',
    'createRepositoryRuleset',
    'deleteBranchProtectionRule',
    'deleteEnvironment',
    'deleteRepositoryRuleset',
    'updateBranchProtectionRule',
    'updateEnvironment',
    'updateRepositoryRuleset',
  ],
  'run-workflow': ['createDeployment'],
}

type Rules = Readonly<
  Record<
    string,
    readonly {
      readonly path: string
      readonly is: 'present' | 'equals' | 'differs' | 'contains-entry'
      readonly key?: string
      readonly value?: string | boolean
      readonly adds: readonly OperationClass[]
    }[]
  >
>

export const RULES: Rules = {
  addPullRequestReview: [{ path: 'input.event', is: 'equals', value: 'APPROVE', adds: ['privilege'] }],
  submitPullRequestReview: [{ path: 'input.event', is: 'equals', value: 'APPROVE', adds: ['privilege'] }],
  createRepository: [{ path: 'input.visibility', is: 'differs', value: 'PRIVATE', adds: ['privilege'] }],
  cloneTemplateRepository: [
    { path: 'input.visibility', is: 'differs', value: 'PRIVATE', adds: ['privilege'] },
  ],
  updateProject: [{ path: 'input.public', is: 'present', adds: ['privilege'] }],
  updateProjectV2: [{ path: 'input.public', is: 'present', adds: ['privilege'] }],
  // A forced update drops commits that nothing else may hold.
  updateRef: [{ path: 'input.force', is: 'differs', value: false, adds: ['irreversible'] }],
  updateRefs: [
    { path: 'input', is: 'contains-entry', key: 'force', value: true, adds: ['irreversible'] },
    {
      path: 'input',
      is: 'contains-entry',
      key: 'afterOid',
      value: '0000000000000000000000000000000000000000',
      adds: ['destructive'],
    },
  ],
}
