import type {
  ApiProfile,
  ArgumentType,
  BodyKind,
  CatalogDocument,
  RestRoute,
} from '../../src/protocol/index.js'
import { githubClasses, unusedGithubReviews } from './github-classes.js'
import { EFFECTS, RULES } from './github-rules.js'
import { type GithubSource, readGithubSource, type SourceOperation } from './github-source.js'
import { argumentTypes } from './github-types.js'

/** What api.github.com says beside a body; the GraphQL API says the same. */
export const GITHUB_HEADERS: Pick<ApiProfile, 'requestHeaders' | 'responseHeaders' | 'slots'> = {
  slots: ['bearer', 'countersign-grant'],
  requestHeaders: ['x-github-api-version'],
  // Not `link`: it leads past the sidecar. Whoever wants the next page asks for `page`.
  responseHeaders: [
    'location',
    'retry-after',
    'x-github-api-version-selected',
    'x-github-media-type',
    'x-github-request-id',
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-reset',
    'x-ratelimit-resource',
    'x-ratelimit-used',
  ],
}

/**
 * Left out, and so unknown: what another path says as well, with one parameter in the segment; and what can't be told
 * from a sibling: a codespace may be called `secrets`, an actor's type is `users`. The siblings are as harmless.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'GET /orgs/{org}/insights/api/summary-stats/users/{user_id}',
  'GET /orgs/{org}/insights/api/time-stats/users/{user_id}',
  'GET /repos/{owner}/{repo}/compare/{base}...{head}',
  'GET /user/codespaces/secrets/{secret_name}',
  'GET /user/codespaces/secrets/{secret_name}/repositories',
])

const UPLOADS = 'https://uploads.github.com'
const REPOSITORY = '/repos/{owner}/{repo}'

/** Path parameters whose values hold slashes. Last in the path they are the rest of it; files may come with theirs raw. */
const SLASHED: ReadonlySet<string> = new Set([
  'basehead',
  'branch',
  'environment_name',
  'name',
  'package_name',
  'ref',
  'tag',
])
const REST: ReadonlySet<string> = new Set(['path', 'ref'])

/** What GitHub compares without regard to case. */
const CASELESS = [
  'enterprise',
  'enterprise-team',
  'org',
  'owner',
  'repo',
  'repo_name',
  'team_slug',
  'template_owner',
  'template_repo',
  'username',
  'organization_slugs[]',
  'organizations[]',
  'selected_usernames[]',
  'usernames[]',
]

/** Types of the resources that path parameters name; the others are of a type of their own name, without `_id` and its like. */
const RESOURCE_OF: Readonly<Record<string, string>> = {
  alert_number: 'alert',
  basehead: 'comparison',
  commit_sha: 'commit',
  environment_name: 'environment',
  ghsa_id: 'advisory',
  issue_number: 'issue',
  name: 'name',
  org: 'organization',
  package_name: 'package',
  path: 'file',
  pull_number: 'pull_request',
  secret_name: 'secret',
  security_product: 'security_product',
  sha: 'commit',
  username: 'user',
}
const NO_RESOURCE: ReadonlySet<string> = new Set([
  'actor_type',
  'archive_format',
  'enablement',
  'owner',
  'package_type',
  'repo',
  'repo_name',
  'template_owner',
  'template_repo',
])

/** The catalog of GitHub's REST API: what the installed npm package `@octokit/openapi` describes. */
export function githubCatalog(): CatalogDocument {
  const source = readGithubSource()
  const routes = source.operations
    .filter(({ method, path }) => !LEFT_OUT.has(`${method} ${path}`))
    .map(operation => route(operation, source))
  refuseUnused(routes)
  return {
    v: 1,
    name: 'github',
    protocol: 'rest',
    source: { package: '@octokit/openapi', version: source.version, digest: source.digest },
    profile: {
      dialect: 'github',
      ...GITHUB_HEADERS,
      origins: { default: 'https://api.github.com', uploads: UPLOADS },
    },
    body: {
      routes: routes.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)),
      closed: true,
      caseless: CASELESS,
      numeric: numericOf(source),
    },
  }
}

function route(operation: SourceOperation, source: GithubSource): RestRoute {
  const { path, parameters, slashed } = namePath(operation.path)
  const name = `${operation.method} ${path}`
  const inPath = new Set(parameters)
  const types = Object.entries(argumentTypes(operation, source)).filter(([each]) => !inPath.has(each))
  const body = bodyOf(operation)
  const effects = Object.keys(EFFECTS).filter(effect => EFFECTS[effect]?.some(each => whole(each) === name))
  const rules = Object.entries(RULES).find(([each]) => whole(each) === name)?.[1] ?? []
  const resources = resourcesOf(parameters, new Set(types.map(([each]) => each)))
  const scope = scopeOf(parameters)
  return {
    route: name,
    classes: [...githubClasses(name)].sort(),
    ...(body === null ? {} : { body: [body] }),
    ...(types.length === 0 ? {} : { args: Object.fromEntries(types) as Record<string, ArgumentType> }),
    ...(slashed.length === 0 ? {} : { slashed }),
    ...(effects.length === 0 ? {} : { effects: effects.sort() }),
    ...(resources.length === 0 ? {} : { resources }),
    ...(Object.keys(scope).length === 0 ? {} : { scope }),
    ...(rules.length === 0 ? {} : { rules }),
    ...(operation.server === null ? {} : { origin: originOf(operation) }),
  }
}

/** `/contents/{path}` → `/contents/{path+}`, with the parameters in order and those that may hold slashes. */
function namePath(path: string): {
  readonly path: string
  readonly parameters: readonly string[]
  readonly slashed: readonly string[]
} {
  const segments = path.split('/')
  const parameters: string[] = []
  const slashed: string[] = []
  for (let i = 0; i < segments.length; i++) {
    const parameter = /^\{(.+)\}$/.exec(segments[i] as string)?.[1]
    if (parameter === undefined) continue
    parameters.push(parameter)
    if (REST.has(parameter) && i === segments.length - 1) segments[i] = `{${parameter}+}`
    else if (SLASHED.has(parameter)) slashed.push(parameter)
  }
  return { path: segments.join('/'), parameters, slashed }
}

/** What isn't JSON is rendered or stored as it comes; no argument in it can make the operation worse. */
function bodyOf({ bodies, path, method }: SourceOperation): BodyKind | null {
  if (bodies.size === 0) return null
  if (bodies.has('application/json')) return 'json'
  if (path === '/markdown/raw' || bodies.has('application/octet-stream')) return 'stream'
  throw new Error(`github: ${method} ${path} takes ${[...bodies.keys()].join(', ')}, which isn't known`)
}

/** Repositories by their number, or by a name of which nobody says whether its owner is in it. */
const REPOSITORY_ALIASES: Readonly<Record<string, string>> = {
  repositories: 'repositories[]',
  repository_id: 'repository_id',
  repository_ids: 'repository_ids[]',
  repository_ids_to_add: 'repository_ids_to_add[]',
  repository_ids_to_remove: 'repository_ids_to_remove[]',
  repository_names: 'repository_names[]',
  repo_names: 'repo_names[]',
  selected_repository_ids: 'selected_repository_ids[]',
}

/** Many at once, in the body. */
const RESOURCES_IN_BODY: Readonly<Record<string, string>> = {
  organization_slugs: 'organization',
  organizations: 'organization',
  selected_usernames: 'user',
  usernames: 'user',
}

function resourcesOf(
  parameters: readonly string[],
  taken: ReadonlySet<string>,
): RestRoute['resources'] & object {
  const has = (name: string) => parameters.includes(name)
  return [
    ...(has('owner') && has('repo') ? [{ type: 'repository', args: ['owner', 'repo'] }] : []),
    ...(has('org') && has('repo_name') ? [{ type: 'repository', args: ['org', 'repo_name'] }] : []),
    ...(has('template_owner') ? [{ type: 'repository', args: ['template_owner', 'template_repo'] }] : []),
    ...parameters
      .filter(name => !NO_RESOURCE.has(name))
      .map(name => ({
        type: RESOURCE_OF[name] ?? name.replace(/_(?:id|number|slug)$/, ''),
        arg: name,
        ...(name === 'repository_id' ? { alias: true as const } : {}),
      })),
    ...Object.entries(REPOSITORY_ALIASES)
      .filter(([name]) => taken.has(name))
      .map(([, arg]) => ({ type: 'repository', arg, alias: true as const })),
    ...Object.entries(RESOURCES_IN_BODY)
      .filter(([name]) => taken.has(name))
      .map(([name, type]) => ({ type, arg: `${name}[]` })),
  ]
}

/** An organisation owns what is below it: `owner: acme` covers `/orgs/acme` as well as `/repos/acme`. */
function scopeOf(parameters: readonly string[]): Record<string, string> {
  const scope: Record<string, string> = {}
  if (parameters.includes('org') && !parameters.includes('owner')) scope.owner = 'org'
  if (parameters.includes('template_owner')) {
    scope.owner = 'template_owner'
    scope.repo = 'template_repo'
  }
  if (parameters.includes('environment_name')) scope.environment = 'environment_name'
  return scope
}

function originOf({ server, path }: SourceOperation): string {
  if (server !== UPLOADS) throw new Error(`github: ${path} is served by ${server}, which isn't known`)
  return 'uploads'
}

function whole(abbreviated: string): string {
  return abbreviated.replace(' ~', ` ${REPOSITORY}`)
}

/** Names that are a number wherever they stand; `{workflow_id}` may be a file's name as well. */
function numericOf({ operations }: GithubSource): readonly string[] {
  const numbers = new Set(operations.flatMap(({ numeric }) => numeric))
  for (const { path, numeric } of operations)
    for (const [, name = ''] of path.matchAll(/\{([^}]+)\}/g))
      if (!numeric.includes(name)) numbers.delete(name)
  return [...numbers].sort()
}

function refuseUnused(routes: readonly RestRoute[]): void {
  const names = new Set(routes.map(({ route: name }) => name))
  const named = [...Object.values(EFFECTS).flat(), ...Object.keys(RULES)].map(whole)
  const unused = [...unusedGithubReviews(), ...named.filter(name => !names.has(name))]
  if (unused.length > 0) throw new Error(`github: reviewed, but not in the package:\n${unused.join('\n')}`)
}

/** By path, then method, so that what belongs together stands together. */
function sortKey({ route: name }: RestRoute): string {
  const [method, path] = name.split(' ')
  return `${path} ${method}`
}
