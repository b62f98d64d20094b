import type { ArgumentRule } from '../../src/protocol/index.js'

/** Operations with the same effect under different names: a rule on one covers all. `~` is a repository. */
export const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  'access-grant': [
    'POST /orgs/{org}/invitations',
    'PUT /orgs/{org}/memberships/{username}',
    'PUT /orgs/{org}/outside_collaborators/{username}',
    'PUT /orgs/{org}/teams/{team_slug}/memberships/{username}',
    'PUT /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}',
    'PUT /teams/{team_id}/members/{username}',
    'PUT /teams/{team_id}/memberships/{username}',
    'PUT /teams/{team_id}/repos/{owner}/{repo}',
    'POST /user/keys',
    'PATCH /user/repository_invitations/{invitation_id}',
    'PUT ~/collaborators/{username}',
    'PATCH ~/invitations/{invitation_id}',
    'POST ~/keys',
  ],
  'content-write': [
    'PUT ~/contents/{path+}',
    'DELETE ~/contents/{path+}',
    'POST ~/git/refs',
    'PATCH ~/git/refs/{ref+}',
    'DELETE ~/git/refs/{ref+}',
    'POST ~/merge-upstream',
    'POST ~/merges',
    'PUT ~/pulls/{pull_number}/merge',
    'PUT ~/pulls/{pull_number}/merge-async',
    'PUT ~/pulls/{pull_number}/update-branch',
    'POST ~/code-scanning/alerts/{alert_number}/autofix/commits',
  ],
  merge: ['POST ~/merges', 'PUT ~/pulls/{pull_number}/merge', 'PUT ~/pulls/{pull_number}/merge-async'],
  'protection-change': [
    'POST /orgs/{org}/rulesets',
    'PUT /orgs/{org}/rulesets/{ruleset_id}',
    'DELETE /orgs/{org}/rulesets/{ruleset_id}',
    'PUT ~/branches/{branch}/protection',
    'DELETE ~/branches/{branch}/protection',
    'POST ~/branches/{branch}/protection/enforce_admins',
    'DELETE ~/branches/{branch}/protection/enforce_admins',
    'PATCH ~/branches/{branch}/protection/required_pull_request_reviews',
    'DELETE ~/branches/{branch}/protection/required_pull_request_reviews',
    'POST ~/branches/{branch}/protection/required_signatures',
    'DELETE ~/branches/{branch}/protection/required_signatures',
    'PATCH ~/branches/{branch}/protection/required_status_checks',
    'DELETE ~/branches/{branch}/protection/required_status_checks',
    'POST ~/branches/{branch}/protection/required_status_checks/contexts',
    'PUT ~/branches/{branch}/protection/required_status_checks/contexts',
    'DELETE ~/branches/{branch}/protection/required_status_checks/contexts',
    'DELETE ~/branches/{branch}/protection/restrictions',
    ...['apps', 'teams', 'users'].flatMap(kind =>
      ['POST', 'PUT', 'DELETE'].map(
        method => `${method} ~/branches/{branch}/protection/restrictions/${kind}`,
      ),
    ),
    'PUT ~/environments/{environment_name}',
    'DELETE ~/environments/{environment_name}',
    'POST ~/rulesets',
    'PUT ~/rulesets/{ruleset_id}',
    'DELETE ~/rulesets/{ruleset_id}',
  ],
  'run-workflow': [
    'POST ~/actions/jobs/{job_id}/rerun',
    'POST ~/actions/runs/{run_id}/rerun',
    'POST ~/actions/runs/{run_id}/rerun-failed-jobs',
    'POST ~/actions/workflows/{workflow_id}/dispatches',
    'POST ~/deployments',
    'POST ~/dispatches',
  ],
  'secret-write': [
    'PUT /orgs/{org}/actions/secrets/{secret_name}',
    'PUT /orgs/{org}/agents/secrets/{secret_name}',
    'PUT /orgs/{org}/codespaces/secrets/{secret_name}',
    'PUT /orgs/{org}/dependabot/secrets/{secret_name}',
    'PUT /user/codespaces/secrets/{secret_name}',
    'PUT ~/actions/secrets/{secret_name}',
    'PUT ~/agents/secrets/{secret_name}',
    'PUT ~/codespaces/secrets/{secret_name}',
    'PUT ~/dependabot/secrets/{secret_name}',
    'PUT ~/environments/{environment_name}/secrets/{secret_name}',
  ],
  'webhook-write': [
    'POST /orgs/{org}/hooks',
    'PATCH /orgs/{org}/hooks/{hook_id}',
    'PATCH /orgs/{org}/hooks/{hook_id}/config',
    'PATCH /app/hook/config',
    'POST ~/hooks',
    'PATCH ~/hooks/{hook_id}',
    'PATCH ~/hooks/{hook_id}/config',
  ],
}

/** Nobody unsees what was public; and stars, forks and their history don't come back from private. */
const VISIBILITY: readonly ArgumentRule[] = [
  { path: 'visibility', is: 'present', adds: ['irreversible', 'privilege'] },
  { path: 'private', is: 'present', adds: ['irreversible', 'privilege'] },
]

/** Born public: whatever is pushed there is. */
const BORN_PUBLIC: readonly ArgumentRule[] = [
  { path: 'private', is: 'differs', value: true, adds: ['privilege'] },
]

/** An approval counts for a protected branch. */
const APPROVES: readonly ArgumentRule[] = [
  { path: 'event', is: 'equals', value: 'APPROVE', adds: ['privilege'] },
]

/** Arguments that make one operation worse than its name says. `~` is a repository. */
export const RULES: Readonly<Record<string, readonly ArgumentRule[]>> = {
  'PATCH ~': [
    ...VISIBILITY,
    { path: 'archived', is: 'present', adds: ['destructive'] },
    { path: 'default_branch', is: 'present', adds: ['destructive'] },
    { path: 'name', is: 'present', adds: ['destructive'] },
    { path: 'allow_forking', is: 'present', adds: ['privilege'] },
    { path: 'security_and_analysis', is: 'present', adds: ['privilege'] },
    { path: 'web_commit_signoff_required', is: 'present', adds: ['privilege'] },
  ],
  // A forced update drops commits that nothing else may hold.
  'PATCH ~/git/refs/{ref+}': [{ path: 'force', is: 'differs', value: false, adds: ['irreversible'] }],
  'POST /gists': [{ path: 'public', is: 'present', adds: ['privilege'] }],
  'POST /orgs/{org}/repos': [
    ...BORN_PUBLIC,
    { path: 'visibility', is: 'differs', value: 'private', adds: ['privilege'] },
  ],
  'POST /user/repos': BORN_PUBLIC,
  'POST /repos/{template_owner}/{template_repo}/generate': BORN_PUBLIC,
  'POST ~/pulls/{pull_number}/reviews': APPROVES,
  'POST ~/pulls/{pull_number}/reviews/{review_id}/events': APPROVES,
  // Leaves nothing of what a file's alert said.
  'PATCH ~/import': [{ path: 'vcs_password', is: 'present', adds: ['privilege'] }],
  'PUT ~/import': [{ path: 'vcs_password', is: 'present', adds: ['privilege'] }],
  'POST /orgs/{org}/{security_product}/{enablement}': [
    { path: 'enablement', is: 'differs', value: 'enable_all', adds: ['destructive'] },
  ],
  'PATCH ~/code-scanning/alerts/{alert_number}': dismissing(),
  'PATCH ~/dependabot/alerts/{alert_number}': dismissing(),
  'PATCH ~/releases/{release_id}': [{ path: 'draft', is: 'present', adds: ['destructive'] }],
}

/** An alert that is dismissed no longer holds a merge up. */
function dismissing(): readonly ArgumentRule[] {
  return [{ path: 'state', is: 'equals', value: 'dismissed', adds: ['privilege'] }]
}
