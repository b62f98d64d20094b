import type { OperationClass } from '../../src/protocol/index.js'
import { type Review, Reviews } from './reviewed.js'

/**
 * What GitHub's REST operations do, reviewed by hand. Every operation that isn't a GET must be found here, and the
 * GETs that return secrets; the generator refuses a new one. `~` is a repository, `WRITE` is POST, PUT and PATCH,
 * `ANY` is WRITE and DELETE.
 */
const REVIEWED: readonly Review[] = [
  {
    // Returns a secret, or a link that works without a login.
    classes: ['sensitive_read'],
    operations: `
GET /app/hook/deliveries/{delivery_id}
GET /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}
GET /orgs/{org}/migrations/{migration_id}/archive
GET /orgs/{org}/secret-scanning/alerts
GET /user/migrations/{migration_id}/archive
GET ~/actions/artifacts/{artifact_id}/{archive_format}
GET ~/actions/jobs/{job_id}/logs
GET ~/actions/runs/{run_id}/attempts/{attempt_number}/logs
GET ~/actions/runs/{run_id}/logs
GET ~/hooks/{hook_id}/deliveries/{delivery_id}
GET ~/secret-scanning/alerts
GET ~/secret-scanning/alerts/{alert_number}
POST /applications/{client_id}/token
`,
  },
  {
    // Asks with a body.
    classes: ['read'],
    operations: `
POST /markdown**
POST /orgs/{org}/attestations/bulk-list
POST /users/{username}/attestations/bulk-list
POST ~/releases/generate-notes
`,
  },
  {
    // Gives out a secret that opens more than it took.
    classes: ['create', 'privilege', 'sensitive_read'],
    operations: `
POST /app-manifests/{code}/conversions
POST /app/installations/{installation_id}/access_tokens
POST /applications/{client_id}/token/scoped
POST /orgs/{org}/actions/runners/generate-jitconfig
POST /orgs/{org}/actions/runners/registration-token
POST /orgs/{org}/actions/runners/remove-token
POST ~/actions/runners/generate-jitconfig
POST ~/actions/runners/registration-token
POST ~/actions/runners/remove-token
`,
  },
  {
    classes: ['irreversible', 'privilege', 'sensitive_read'],
    operations: `
PATCH /applications/{client_id}/token
`,
  },
  {
    // Code, history, issues or files are gone.
    classes: ['irreversible'],
    operations: `
DELETE ~
DELETE ~/actions/artifacts/{artifact_id}
DELETE ~/actions/runs/**
DELETE ~/code-scanning/**
DELETE ~/comments/**
DELETE ~/deployments/{deployment_id}
DELETE ~/issues/comments/{comment_id}
DELETE ~/labels/{name}
DELETE ~/milestones/{milestone_number}
DELETE ~/pulls/**
DELETE ~/releases/**
DELETE ~/secret-scanning/custom-patterns
DELETE /gists/{gist_id}
DELETE /gists/{gist_id}/comments/{comment_id}
DELETE /orgs/{org}/actions/hosted-runners/images/**
DELETE /orgs/{org}/attestations/**
DELETE /orgs/{org}/campaigns/{campaign_number}
DELETE /orgs/{org}/copilot-spaces/**
DELETE /orgs/{org}/issue-fields/{issue_field_id}
DELETE /orgs/{org}/issue-types/{issue_type_id}
DELETE /orgs/{org}/members/{username}/codespaces/{codespace_name}
DELETE /orgs/{org}/migrations/{migration_id}/archive
DELETE /orgs/{org}/projectsV2/**
DELETE /orgs/{org}/secret-scanning/custom-patterns
DELETE /user/codespaces/{codespace_name}
DELETE /user/migrations/{migration_id}/archive
DELETE /users/{username}/**
POST /orgs/{org}/attestations/delete-request
POST /users/{username}/attestations/delete-request
POST ~/security-advisories/{ghsa_id}/cve
`,
  },
  {
    // Access, or the value of a secret that nobody can read back, is gone.
    classes: ['irreversible', 'privilege'],
    operations: `
DELETE /app/installations/{installation_id}
DELETE /applications/**
DELETE /enterprises/{enterprise}/teams/{team_slug}
DELETE /installation/token
DELETE /orgs/{org}
DELETE /orgs/{org}/actions/secrets/**
DELETE /orgs/{org}/agents/secrets/**
DELETE /orgs/{org}/codespaces/secrets/**
DELETE /orgs/{org}/dependabot/secrets/**
DELETE /orgs/{org}/members/{username}
DELETE /orgs/{org}/outside_collaborators/{username}
DELETE /orgs/{org}/private-registries/{secret_name}
DELETE /orgs/{org}/properties/**
DELETE /orgs/{org}/teams/{team_slug}
DELETE /teams/{team_id}
DELETE /user/codespaces/secrets/**
DELETE /user/gpg_keys/{gpg_key_id}
DELETE /user/keys/{key_id}
DELETE /user/ssh_signing_keys/{ssh_signing_key_id}
DELETE ~/actions/secrets/{secret_name}
DELETE ~/agents/secrets/{secret_name}
DELETE ~/codespaces/secrets/{secret_name}
DELETE ~/dependabot/secrets/{secret_name}
DELETE ~/environments/{environment_name}
DELETE ~/environments/{environment_name}/secrets/{secret_name}
DELETE ~/keys/{key_id}
POST /credentials/revoke
POST ~/transfer
`,
  },
  {
    // Protection or access is taken away and can be given again.
    classes: ['destructive', 'privilege'],
    operations: `
DELETE /enterprises/**
DELETE /orgs/{org}/actions/**
DELETE /orgs/{org}/code-security/**
DELETE /orgs/{org}/codespaces/access/**
DELETE /orgs/{org}/copilot-spaces/{space_number}/collaborators/**
DELETE /orgs/{org}/copilot/**
DELETE /orgs/{org}/hooks/{hook_id}
DELETE /orgs/{org}/invitations/{invitation_id}
DELETE /orgs/{org}/memberships/{username}
DELETE /orgs/{org}/organization-roles/**
DELETE /orgs/{org}/rulesets/{ruleset_id}
DELETE /orgs/{org}/security-managers/**
DELETE /orgs/{org}/settings/**
DELETE /orgs/{org}/teams/{team_slug}/memberships/{username}
DELETE /orgs/{org}/teams/{team_slug}/repos/**
DELETE /teams/{team_id}/**
DELETE /user/emails
DELETE /user/installations/**
DELETE /user/repository_invitations/{invitation_id}
DELETE /users/{username}/copilot-spaces/{space_number}/collaborators/**
DELETE ~/actions/runners/**
DELETE ~/automated-security-fixes
DELETE ~/branches/{branch}/protection**
DELETE ~/collaborators/{username}
DELETE ~/environments/{environment_name}/deployment**
DELETE ~/hooks/{hook_id}
DELETE ~/immutable-releases
DELETE ~/interaction-limits/pulls/bypass-list
DELETE ~/invitations/{invitation_id}
DELETE ~/private-vulnerability-reporting
DELETE ~/rulesets/{ruleset_id}
DELETE ~/vulnerability-alerts
`,
  },
  {
    // Can be put back: from Git's history, within thirty days, or by doing it again.
    classes: ['destructive'],
    operations: `
DELETE /orgs/{org}/agents/variables/**
DELETE /orgs/{org}/actions/variables/**
DELETE /orgs/{org}/packages/**
DELETE /user/packages/**
DELETE /users/{username}/packages/**
DELETE ~/actions/caches**
DELETE ~/actions/variables/{name}
DELETE ~/agents/variables/{name}
DELETE ~/autolinks/{autolink_id}
DELETE ~/contents/{path+}
DELETE ~/environments/{environment_name}/variables/{name}
DELETE ~/git/refs/{ref+}
DELETE ~/import
DELETE ~/pages
POST ~/actions/runs/{run_id}/cancel
POST ~/actions/runs/{run_id}/force-cancel
POST ~/branches/{branch}/rename
POST ~/pages/deployments/{pages_deployment_id}/cancel
POST ~/stacks/{stack_number}/unstack
PUT ~/actions/workflows/{workflow_id}/disable
`,
  },
  {
    // Who may do what, where secrets come from, where events go to, what has to hold before a merge.
    classes: ['privilege', 'update'],
    operations: `
DELETE /app/installations/{installation_id}/suspended
PATCH /app/hook/config
PUT /app/installations/{installation_id}/suspended
WRITE /enterprises/**
PATCH /orgs/{org}
WRITE /orgs/{org}/actions/**
WRITE /orgs/{org}/agents/secrets/**
WRITE /orgs/{org}/code-security/**
WRITE /orgs/{org}/codespaces/secrets/**
WRITE /orgs/{org}/copilot/**
PATCH /orgs/{org}/dependabot/**
PUT /orgs/{org}/dependabot/**
PATCH /orgs/{org}/hooks/**
PUT /orgs/{org}/memberships/{username}
PUT /orgs/{org}/organization-roles/**
PUT /orgs/{org}/outside_collaborators/{username}
POST /orgs/{org}/personal-access-token**
PATCH /orgs/{org}/private-registries/{secret_name}
PATCH /orgs/{org}/properties/**
PUT /orgs/{org}/properties/**
PUT /orgs/{org}/rulesets/{ruleset_id}
POST /orgs/{org}/secret-scanning/custom-patterns
PATCH /orgs/{org}/secret-scanning/**
PUT /orgs/{org}/security-managers/**
WRITE /orgs/{org}/settings/**
PATCH /orgs/{org}/teams/{team_slug}
PUT /orgs/{org}/teams/**
POST /orgs/{org}/{security_product}/{enablement}
PATCH /teams/{team_id}
PUT /teams/{team_id}/**
PUT /orgs/{org}/copilot-spaces/{space_number}/collaborators/**
PUT /users/{username}/copilot-spaces/{space_number}/collaborators/**
PATCH /user/email/visibility
PUT /user/codespaces/secrets/**
PUT /user/installations/**
PATCH /user/memberships/orgs/{org}
PATCH /user/repository_invitations/{invitation_id}
PUT ~/actions/oidc/**
PUT ~/actions/permissions**
WRITE ~/actions/runners/{runner_id}/labels
POST ~/actions/runs/{run_id}/approve
POST ~/actions/runs/{run_id}/deployment_protection_rule
POST ~/actions/runs/{run_id}/pending_deployments
PUT ~/actions/secrets/{secret_name}
PUT ~/agents/secrets/{secret_name}
WRITE ~/branches/{branch}/protection**
PATCH ~/check-runs/{check_run_id}
PATCH ~/check-suites/preferences
PATCH ~/code-quality/setup
PATCH ~/code-scanning/default-setup
PUT ~/codespaces/secrets/{secret_name}
PUT ~/collaborators/{username}
PUT ~/dependabot/secrets/{secret_name}
WRITE ~/environments/{environment_name}**
PATCH ~/hooks/**
PUT ~/interaction-limits/pulls/bypass-list
PATCH ~/invitations/{invitation_id}
PUT ~/pages
PATCH ~/properties/values
PUT ~/pulls/{pull_number}/reviews/{review_id}/dismissals
PUT ~/rulesets/{ruleset_id}
PATCH ~/secret-scanning/custom-patterns/{pattern_id}
POST ~/secret-scanning/push-protection-bypasses
`,
  },
  {
    classes: ['create', 'privilege'],
    operations: `
POST /orgs/{org}/copilot-spaces/{space_number}/collaborators
POST /orgs/{org}/hooks
POST /orgs/{org}/invitations
POST /orgs/{org}/private-registries
POST /orgs/{org}/rulesets
POST /orgs/{org}/teams
POST /user/codespaces/{codespace_name}/publish
POST /user/emails
POST /user/gpg_keys
POST /user/keys
POST /user/ssh_signing_keys
POST /users/{username}/copilot-spaces/{space_number}/collaborators
POST ~/check-runs
POST ~/hooks
POST ~/keys
POST ~/pages
POST ~/rulesets
POST ~/secret-scanning/custom-patterns
POST ~/statuses/{sha}
`,
  },
  {
    classes: ['sensitive_read', 'update'],
    operations: `
PATCH ~/secret-scanning/alerts/{alert_number}
`,
  },
  {
    // Takes whole repositories out.
    classes: ['create', 'privilege', 'opaque'],
    operations: `
POST /orgs/{org}/migrations
POST /user/migrations
`,
  },
  {
    // Runs what a workflow, an agent or a query says; that isn't in the request.
    classes: ['create', 'opaque'],
    operations: `
POST /agents/repos/{owner}/{repo}/tasks
POST ~/actions/jobs/{job_id}/rerun
POST ~/actions/runs/{run_id}/rerun**
POST ~/actions/workflows/{workflow_id}/dispatches
POST ~/check-runs/{check_run_id}/rerequest
POST ~/check-suites/{check_suite_id}/rerequest
POST ~/code-scanning/codeql/variant-analyses
POST ~/deployments
POST ~/dispatches
POST ~/pages/builds
POST ~/pages/deployments
POST ~/hooks/{hook_id}/**
POST /app/hook/deliveries/{delivery_id}/attempts
POST /orgs/{org}/hooks/{hook_id}/**
`,
  },
  {
    classes: ['billing', 'privilege'],
    operations: `
ANY /organizations/{org}/settings/billing/**
ANY /orgs/{org}/copilot/billing/**
PUT /orgs/{org}/codespaces/access
POST /orgs/{org}/codespaces/access/selected_users
`,
  },
  {
    classes: ['billing', 'create'],
    operations: `
POST /orgs/{org}/actions/hosted-runners
POST /user/codespaces
POST /user/codespaces/{codespace_name}/start
POST ~/codespaces
POST ~/pulls/{pull_number}/codespaces
`,
  },
  {
    classes: ['billing', 'update'],
    operations: `
PATCH /orgs/{org}/actions/hosted-runners/{hosted_runner_id}
PUT /organizations/{org}/actions/cache/**
PUT ~/actions/cache/**
PATCH /user/codespaces/{codespace_name}
`,
  },
  {
    classes: ['create'],
    operations: `
POST /gists**
POST /orgs/{org}/actions/variables
POST /orgs/{org}/agents/variables
POST /orgs/{org}/artifacts/**
POST /orgs/{org}/campaigns
POST /orgs/{org}/copilot-spaces**
POST /orgs/{org}/issue-fields
POST /orgs/{org}/issue-types
POST /orgs/{org}/projectsV2/**
POST /orgs/{org}/repos
POST /repos/{template_owner}/{template_repo}/generate
POST /user/codespaces/{codespace_name}/exports
POST /user/repos
POST /user/social_accounts
POST /user/{user_id}/projectsV2/**
POST /users/{user_id}/projectsV2/**
POST /users/{username}/copilot-spaces**
POST /users/{username}/projectsV2/**
POST ~/actions/variables
POST ~/agents/variables
POST ~/attestations
POST ~/autolinks
POST ~/check-suites
POST ~/code-scanning/**
POST ~/comments/{comment_id}/reactions
POST ~/commits/{commit_sha}/comments
POST ~/dependency-graph/snapshots
POST ~/deployments/{deployment_id}/statuses
POST ~/forks
POST ~/git/**
POST ~/issues**
POST ~/labels
POST ~/milestones
POST ~/pulls
POST ~/pulls/{pull_number}/**
POST ~/pulls/comments/**
POST ~/releases
POST ~/releases/{release_id}/**
POST ~/security-advisories**
POST ~/stacks**
`,
  },
  {
    // Changes that another change takes back.
    classes: ['update'],
    operations: `
ANY /notifications**
DELETE /gists/{gist_id}/star
DELETE /orgs/{org}/blocks/{username}
DELETE /orgs/{org}/interaction-limits
DELETE /orgs/{org}/migrations/{migration_id}/repos/{repo_name}/lock
DELETE /orgs/{org}/public_members/{username}
DELETE /user/blocks/{username}
DELETE /user/following/{username}
DELETE /user/interaction-limits
DELETE /user/migrations/{migration_id}/repos/{repo_name}/lock
DELETE /user/social_accounts
DELETE /user/starred/{owner}/{repo}
DELETE ~/comments/{comment_id}/reactions/{reaction_id}
DELETE ~/interaction-limits
DELETE ~/issues/{issue_number}/**
DELETE ~/issues/comments/{comment_id}/pin
DELETE ~/issues/comments/{comment_id}/reactions/{reaction_id}
DELETE ~/pulls/comments/{comment_id}/reactions/{reaction_id}
DELETE ~/pulls/{pull_number}/requested_reviewers
DELETE ~/releases/{release_id}/reactions/{reaction_id}
DELETE ~/subscription
PATCH /gists/**
PATCH /orgs/{org}/actions/variables/{name}
PATCH /orgs/{org}/agents/variables/{name}
PATCH /orgs/{org}/campaigns/{campaign_number}
PATCH /orgs/{org}/interaction-limits/pulls/creation-cap
PATCH /orgs/{org}/issue-fields/{issue_field_id}
PATCH /orgs/{org}/projectsV2/**
PATCH /user
PATCH /users/{username}/projectsV2/**
PATCH ~
PATCH ~/actions/variables/{name}
PATCH ~/agents/variables/{name}
PATCH ~/code-scanning/alerts/{alert_number}
PATCH ~/comments/{comment_id}
PATCH ~/dependabot/alerts/{alert_number}
PATCH ~/environments/{environment_name}/variables/{name}
PATCH ~/git/refs/{ref+}
PATCH ~/import**
PATCH ~/interaction-limits/pulls/creation-cap
PATCH ~/issues/**
PATCH ~/labels/{name}
PATCH ~/milestones/{milestone_number}
PATCH ~/pulls/**
PATCH ~/releases/**
PATCH ~/security-advisories/{ghsa_id}
POST /orgs/{org}/members/{username}/codespaces/{codespace_name}/stop
POST /orgs/{org}/packages/**
POST /user/codespaces/{codespace_name}/stop
POST /user/packages/**
POST /users/{username}/packages/**
POST ~/environments/{environment_name}/variables
POST ~/issues/{issue_number}/suggestions/**
POST ~/merge-upstream
POST ~/merges
PUT /gists/{gist_id}/star
PUT /orgs/{org}/agents/variables/**
PUT /orgs/{org}/actions/variables/**
PUT /orgs/{org}/blocks/{username}
PUT /orgs/{org}/copilot-spaces/**
PUT /orgs/{org}/interaction-limits
PUT /orgs/{org}/issue-types/{issue_type_id}
PUT /orgs/{org}/public_members/{username}
PUT /user/**
PUT /users/{username}/copilot-spaces/**
PUT ~/actions/workflows/{workflow_id}/enable
PUT ~/automated-security-fixes
PUT ~/contents/{path+}
PUT ~/immutable-releases
PUT ~/import
PUT ~/interaction-limits
PUT ~/issues/**
PUT ~/notifications
PUT ~/private-vulnerability-reporting
PUT ~/pulls/**
PUT ~/subscription
PUT ~/topics
PUT ~/vulnerability-alerts
`,
  },
]

const REPOSITORY = '/repos/{owner}/{repo}'
const METHODS: Readonly<Record<string, readonly string[]>> = {
  WRITE: ['POST', 'PUT', 'PATCH'],
  ANY: ['POST', 'PUT', 'PATCH', 'DELETE'],
}

/** `WRITE ~/hooks/**` as three lines. */
function expand(line: string): readonly string[] {
  const [method = '', path = ''] = line.split(' ')
  return (METHODS[method] ?? [method]).map(each => `${each} ${path.replace(/^~/, REPOSITORY)}`)
}

const reviews = new Reviews(REVIEWED, expand)

/** Classes of an operation; throws for one that nobody reviewed. */
export function githubClasses(name: string): readonly OperationClass[] {
  const classes = reviews.classesOf(name) ?? (name.startsWith('GET ') ? (['read'] as const) : null)
  if (classes === null) throw new Error(`github: ${name} has no reviewed class`)
  return classes
}

/** Lines of the review that no operation needed. Of `WRITE` and `ANY` some method may be missing. */
export function unusedGithubReviews(): readonly string[] {
  const grouped = new Set(
    REVIEWED.flatMap(({ operations }) => operations.split('\n'))
      .filter(line => /^(?:WRITE|ANY) /.test(line))
      .flatMap(line => expand(line)),
  )
  return reviews.unused().filter(line => !grouped.has(line))
}
