import type { Operation } from '../protocol/index.js'

export type GithubLevel = 'read' | 'write'
export type GithubPermissions = Readonly<Record<string, GithubLevel>>

/**
 * Which installation permission serves which part of GitHub's REST API, by the first segments below the
 * repository ("Permissions required for GitHub Apps"). The longest prefix wins; what isn't here is not minted for.
 */
const PERMISSION_OF: Readonly<Record<string, string>> = {
  actions: 'actions',
  'actions/permissions': 'administration',
  'actions/runners': 'administration',
  'actions/secrets': 'secrets',
  'actions/variables': 'actions_variables',
  autolinks: 'administration',
  branches: 'contents',
  'branches/{branch}/protection': 'administration',
  'check-runs': 'checks',
  'check-suites': 'checks',
  'code-scanning': 'security_events',
  codespaces: 'codespaces',
  collaborators: 'administration',
  comments: 'contents',
  commits: 'contents',
  'commits/{ref}/check-runs': 'checks',
  'commits/{ref}/check-suites': 'checks',
  'commits/{ref}/status': 'statuses',
  'commits/{ref}/statuses': 'statuses',
  compare: 'contents',
  contents: 'contents',
  dependabot: 'vulnerability_alerts',
  'dependabot/secrets': 'dependabot_secrets',
  deployments: 'deployments',
  dispatches: 'contents',
  environments: 'environments',
  forks: 'administration',
  git: 'contents',
  hooks: 'repository_hooks',
  issues: 'issues',
  keys: 'administration',
  labels: 'issues',
  merges: 'contents',
  milestones: 'issues',
  pages: 'pages',
  pulls: 'pull_requests',
  readme: 'contents',
  releases: 'contents',
  rulesets: 'administration',
  'secret-scanning': 'secret_scanning_alerts',
  statuses: 'statuses',
  tarball: 'contents',
  transfer: 'administration',
  zipball: 'contents',
}

const REPOSITORY = /^[A-Z]+ \/repos\/\{[^}]+\}\/\{[^}]+\}(?:\/(.+))?$/

/** The permission that one operation needs beside `metadata: read`, or undefined where it is not known. */
export function permissionFor(operation: Operation): readonly [name: string, level: GithubLevel] | undefined {
  const match = REPOSITORY.exec(operation.name)
  if (match === null) return undefined
  const level = operation.classes.every(each => each === 'read' || each === 'sensitive_read')
    ? 'read'
    : 'write'
  if (match[1] === undefined) return level === 'read' ? ['metadata', 'read'] : ['administration', 'write']
  const segments = match[1].split('/')
  for (let length = Math.min(segments.length, 3); length > 0; length--) {
    const prefix = segments.slice(0, length).join('/')
    if (Object.hasOwn(PERMISSION_OF, prefix)) return [PERMISSION_OF[prefix] as string, level]
  }
  return undefined
}
