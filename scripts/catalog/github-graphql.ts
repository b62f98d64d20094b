import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CatalogDocument, graphqlCatalog, type OperationClass } from '../../src/protocol/index.js'
import { GITHUB_HEADERS } from './github.js'
import {
  EFFECTS,
  HARMLESS_FIELDS,
  MUTATIONS,
  RULES,
  SECRET_FIELDS,
  SENSITIVE_QUERIES,
} from './github-graphql-classes.js'
import { Reviews } from './reviewed.js'

interface Body {
  readonly query: string
  readonly mutation: string
  readonly types: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly operations: Readonly<Record<string, Entry>>
}

interface Entry {
  readonly classes: readonly OperationClass[]
  readonly scope?: Readonly<Record<string, readonly string[]>>
  readonly resources?: Readonly<Record<string, readonly string[]>>
}

/**
 * The catalog of GitHub's GraphQL API: types and arguments from the npm package `@octokit/graphql-schema`, by the
 * reader that a team's own schema goes through as well, and classes from the tables. Throws where the package has
 * something that nobody reviewed, or a table something that the package hasn't.
 */
export function githubGraphqlCatalog(): CatalogDocument {
  const root = dirname(fileURLToPath(import.meta.resolve('@octokit/graphql-schema')))
  const sdl = readFileSync(join(root, 'schema.graphql'), 'utf8')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const name = 'github-graphql'
  const read = graphqlCatalog(name, sdl, { upstream: 'https://api.github.com', path: '/graphql' })
  const body = read.body as Body
  return {
    ...read,
    source: {
      package: '@octokit/graphql-schema',
      version,
      digest: `sha256:${createHash('sha256').update(sdl).digest('hex')}`,
    },
    profile: { ...read.profile, ...GITHUB_HEADERS },
    body: { ...body, ids: 'node', operations: operationsOf(body) },
  }
}

function operationsOf({ query, mutation, types, operations }: Body): Record<string, unknown> {
  const reviews = new Reviews(MUTATIONS, line => [line])
  const isMutation = (name: string) => Object.hasOwn(types[mutation] ?? {}, name)
  const entries: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(operations)) {
    if (name.includes('.')) {
      if (!SECRET_FIELDS.has(name) && HARMLESS_FIELDS[name] === undefined)
        throw new Error(`github-graphql: ${name} is in neither table of fields`)
      continue
    }
    const classes = isMutation(name) ? reviews.classesOf(name) : queryClasses(types[query] ?? {}, name)
    if (classes === null) throw new Error(`github-graphql: ${name} has no reviewed class`)
    const effects = Object.keys(EFFECTS).filter(effect => EFFECTS[effect]?.includes(name))
    entries[name] = {
      ...withBesides(name, withoutNames(entry)),
      classes: [...classes].sort(),
      ...(effects.length === 0 ? {} : { effects: effects.sort() }),
      ...(RULES[name] === undefined ? {} : { rules: RULES[name] }),
    }
  }
  for (const place of SECRET_FIELDS) entries[place] = { classes: ['sensitive_read'] }
  refuseUnused(reviews, operations)
  return entries
}

function queryClasses(queries: Readonly<Record<string, unknown>>, name: string): readonly OperationClass[] {
  if (!Object.hasOwn(queries, name)) throw new Error(`github-graphql: ${name} is no root field`)
  return SENSITIVE_QUERIES.has(name) ? ['sensitive_read'] : ['read']
}

/** Of the arguments that hold one value only `owner` says where an operation acts; `first` and `orderBy` don't. */
function withoutNames(entry: Entry): Entry {
  const { scope, ...rest } = entry
  return scope?.owner === undefined ? rest : { ...rest, scope: { owner: scope.owner } }
}

/** Mutations that act on a repository which they may name by owner and name, and not by its id. */
const IN_REPOSITORIES: ReadonlySet<string> = new Set(['createCommitOnBranch'])

/** ATTACK: a branch by its id, past a deny of its repository: of a type without a place it may be any. */
function withBesides(name: string, entry: Entry): Entry {
  if (!IN_REPOSITORIES.has(name)) return entry
  return { ...entry, resources: { ...entry.resources, repository: [] } }
}

function refuseUnused(reviews: Reviews, operations: Readonly<Record<string, unknown>>): void {
  const named = [
    ...SENSITIVE_QUERIES,
    ...SECRET_FIELDS,
    ...Object.keys(HARMLESS_FIELDS),
    ...Object.keys(RULES),
    ...Object.values(EFFECTS).flat(),
  ]
  const unused = [...reviews.unused(), ...named.filter(name => !Object.hasOwn(operations, name))]
  if (unused.length > 0)
    throw new Error(`github-graphql: reviewed, but not in the package:\n${unused.join('\n')}`)
}
