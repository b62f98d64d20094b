import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../../src/cli/catalogs.js'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { GITHUB_APP } from './github.js'

interface PolicySource {
  readonly apis: Record<string, unknown>
  readonly credentials: Record<string, unknown>
  readonly agents: Record<string, unknown>
  readonly rules: unknown[]
}

/** The sample policy with an API of the team's own that looks like GitHub, and a second agent that may make sandboxes. */
export function teamPolicy(github: string): string {
  const file = join(packageRoot(), 'config', 'policies', 'sandbox.yaml')
  const policy = parse(readFileSync(file, 'utf8')) as PolicySource
  policy.apis.github = {
    upstream: github,
    credential: 'github',
    routes: [
      { route: 'GET /repos/{owner}/{repo}/issues/{number}', class: 'read' },
      { route: 'POST /repos/{owner}/{repo}/issues', class: 'create' },
      { route: 'DELETE /repos/{owner}/{repo}', class: 'irreversible' },
      { route: 'PUT /repos/{owner}/{repo}/pulls/{number}/merge', class: 'update' },
    ],
  }
  policy.credentials.github = { minter: 'github-app', ...GITHUB_APP, repositories: ['acme/shop'] }
  policy.agents.builder = structuredClone(policy.agents.coder)
  policy.rules.push(
    { id: 'read-issues', allow: { api: 'github', class: 'read' }, to: 'coder' },
    {
      id: 'one-issue',
      allow: { api: 'github', operations: ['POST /repos/{owner}/{repo}/issues'] },
      to: 'coder',
      limit: { count: 1, per: '1h' },
    },
    {
      id: 'merges-wait',
      hold: { api: 'github', operations: ['PUT /repos/{owner}/{repo}/pulls/{number}/merge'] },
      to: 'coder',
      approvers: 'operators',
    },
    {
      id: 'never-repositories',
      deny: { api: 'github', operations: ['DELETE /repos/{owner}/{repo}'] },
      because: 'A deleted repository takes its issues with it.',
    },
    {
      id: 'build',
      allow: {
        api: 'railway',
        operations: ['sandbox', 'sandboxes', 'sandboxCreate', 'sandboxDestroy'],
        scope: { environment: RAILWAY_IDS.staging },
      },
      to: 'builder',
    },
  )
  return stringify(policy)
}
