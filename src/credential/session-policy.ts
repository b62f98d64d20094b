import type { Operation, Permissions } from '../protocol/index.js'
import { credentialFault } from './error-table.js'

/** Characters that AssumeRole takes in `Policy`. */
export const MAX_SESSION_POLICY_CHARS = 2_048
/** A prefix is cut here, so that one long object key can't fill the policy. */
const MAX_PREFIX_CHARS = 200
const MAX_SAID_CHARS = 120
const SAID_RESOURCES = 2
const SAID_ACTIONS = 3
const EVERYTHING = '*'
/** One action by its name. ATTACK: a star in one would reach what nothing was decided on. */
const ACTION = /^[a-z0-9-]+:[A-Za-z0-9]+$/
/** The five parts before the resource: IAM knows no way to write a star in them that is none. */
const ARN = /^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:(?:[0-9]{12}|aws)?:(?=.)/
/**
 * A resource's name as IAM reads it literally: `${*}`, `${?}` and `${$}` stand for these characters. The catalog may
 * end one in a star behind a border: all keys behind an alias.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
 */
const LITERAL = /^(?:[^*?$]|\$\{[*?$]\})*(?:(?<=[/:])\*)?$/u

/** A session policy, and in words what it lets through. */
export interface SessionPolicy {
  /** JSON of at most 2,048 printable ASCII characters. */
  readonly text: string
  /** `ec2:TerminateInstances on arn:aws:ec2:…:instance/i-1`; for receipts, bounded. */
  readonly scope: string
}

interface Statement {
  readonly actions: readonly string[]
  /** As IAM reads them: a star stands for any text, and what was one in a name is written `${*}`. */
  readonly resources: readonly string[]
}

/**
 * Exactly what the operations need: their actions on their resources. Where that is too long for a session policy,
 * resources are widened to what they begin with, and then to all; actions never are. The scope says which it was.
 * Throws `credential_insufficient` for an operation whose needs aren't known or don't fit, `credential_unbounded` for
 * one that can't be written narrowly.
 */
export function sessionPolicy(operations: readonly Operation[]): SessionPolicy {
  const exact = merged(operations.map(statementOf))
  for (const widen of [same, toPrefixes, toEverything]) {
    const statements = merged(exact.map(widen))
    const text = policyText(statements)
    if (text.length <= MAX_SESSION_POLICY_CHARS)
      return { text, scope: scopeOf(statements, widen === same ? 0 : countOf(exact)) }
  }
  throw credentialFault(
    'credential_insufficient',
    'the actions of the request don’t fit into a session policy',
  )
}

function statementOf({ name, permissions }: Operation): Statement {
  if (permissions === undefined || permissions.actions.length === 0 || permissions.resources.length === 0)
    throw credentialFault(
      'credential_insufficient',
      `no known permissions for ${name.slice(0, MAX_SAID_CHARS)}`,
    )
  return { actions: actionsOf(permissions), resources: resourcesOf(permissions) }
}

function actionsOf({ actions }: Permissions): readonly string[] {
  if (!actions.every(action => ACTION.test(action)))
    throw credentialFault('credential_unbounded', 'an action that is no single one')
  return actions
}

function resourcesOf({ resources }: Permissions): readonly string[] {
  if (!resources.every(isLiteral))
    throw credentialFault('credential_unbounded', 'a resource that is no ARN, or stands for several')
  return resources
}

/** ATTACK: an object that is called `*`, or `${aws:username}`, where a catalog forgot to escape it. */
function isLiteral(resource: string): boolean {
  if (resource === EVERYTHING) return true
  const head = ARN.exec(resource)?.[0]
  return head !== undefined && LITERAL.test(resource.slice(head.length))
}

/** Fewer statements that let through exactly the same: those of the same resources share one, then those of the same actions. */
function merged(statements: readonly Statement[]): readonly Statement[] {
  const byResources = joined(
    statements,
    ({ resources }) => resources,
    (resources, all) => ({ resources, actions: sorted(all.flatMap(({ actions }) => actions)) }),
  )
  return joined(
    byResources,
    ({ actions }) => actions,
    (actions, all) => ({ actions, resources: withoutCovered(all.flatMap(({ resources }) => resources)) }),
  )
}

function joined(
  statements: readonly Statement[],
  shared: (statement: Statement) => readonly string[],
  join: (shared: readonly string[], all: readonly Statement[]) => Statement,
): readonly Statement[] {
  const groups = new Map<string, Statement[]>()
  for (const statement of statements) {
    const key = JSON.stringify(sorted(shared(statement)))
    groups.set(key, [...(groups.get(key) ?? []), statement])
  }
  return [...groups.entries()].sort(byName).map(([key, all]) => join(JSON.parse(key), all))
}

function same(statement: Statement): Statement {
  return statement
}

/** Resources of one kind in one account become what they all begin with. */
function toPrefixes({ actions, resources }: Statement): Statement {
  const kinds = new Map<string, string[]>()
  for (const resource of resources)
    kinds.set(kindOf(resource), [...(kinds.get(kindOf(resource)) ?? []), resource])
  return { actions, resources: [...kinds].map(([kind, all]) => collapsed(kind, all)) }
}

function toEverything({ actions }: Statement): Statement {
  return { actions, resources: [EVERYTHING] }
}

/** `arn:aws:ec2:eu-west-1:111122223333:instance/`; of a name without a part before it, the five parts alone. */
function kindOf(resource: string): string {
  const head = ARN.exec(resource)?.[0] ?? ''
  return head + (/^[^/:]*[/:]/.exec(resource.slice(head.length))?.[0] ?? '')
}

function collapsed(kind: string, resources: readonly string[]): string {
  const [first = ''] = resources
  if (resources.length === 1 && first.length <= MAX_PREFIX_CHARS) return first
  let length = Math.min(first.length, Math.max(MAX_PREFIX_CHARS, kind.length))
  for (const resource of resources) while (!resource.startsWith(first.slice(0, length))) length--
  // Half of `${*}` would mean something else, and half of a surrogate pair nothing.
  const prefix = first.slice(0, length).replace(/(?:\$(?:\{[*?$]?)?|[\ud800-\udbff])$/, '')
  return `${prefix}${EVERYTHING}`
}

function withoutCovered(resources: readonly string[]): readonly string[] {
  return resources.includes(EVERYTHING) ? [EVERYTHING] : sorted(resources)
}

function policyText(statements: readonly Statement[]): string {
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map(({ actions, resources }) => ({
      Effect: 'Allow',
      Action: oneOrAll(actions),
      Resource: oneOrAll(resources),
    })),
  })
  // AssumeRole takes Latin-1 at most; JSON writes the rest as escapes.
  return text.replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function oneOrAll(names: readonly string[]): string | readonly string[] {
  return names.length === 1 ? (names[0] as string) : names
}

/** `widened`: how many resources there were before; 0 where they are all there. */
function scopeOf(statements: readonly Statement[], widened: number): string {
  const actions = sorted(statements.flatMap(statement => statement.actions))
  const resources = withoutCovered(statements.flatMap(statement => statement.resources))
  const why = widened === 0 ? '' : ` (${counted(widened)} too many or too long for a session policy)`
  return `${some(actions, SAID_ACTIONS)} on ${some(resources, SAID_RESOURCES)}${why}`
}

function counted(resources: number): string {
  return resources === 1 ? 'its resource was' : `${resources} resources were`
}

function countOf(statements: readonly Statement[]): number {
  return sorted(statements.flatMap(({ resources }) => resources)).length
}

function some(names: readonly string[], most: number): string {
  const said = names.slice(0, most).map(plain).join(', ')
  return names.length <= most ? said : `${said} and ${names.length - most} more`
}

/** A resource's name may be the agent's own text. */
function plain(name: string): string {
  const text = name.toWellFormed().replace(/\p{C}/gu, '�')
  return text.length <= MAX_SAID_CHARS ? text : `${text.slice(0, MAX_SAID_CHARS).toWellFormed()}…`
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0
}
