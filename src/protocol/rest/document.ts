import { type ArgumentRule, readArgumentRule } from '../argument-rule.js'
import { readArgumentType } from '../argument-type.js'
import type { ArgumentType } from '../catalog.js'
import { malformed, readList, readMap, readMembers, readOneOf, readText } from '../document-shape.js'
import { OPERATION_CLASSES, type OperationClass } from '../operation.js'

/** The body of a catalog document of protocol `rest`. */
export interface RestDocument {
  readonly routes: readonly RestRoute[]
  /**
   * The routes declare every parameter that the API takes. ATTACK: `_stripe_account=acct_9` beside the declared
   * ones, which a server knows and a catalog doesn't; such a request is `opaque`. A team's own routes need not
   * declare theirs.
   */
  readonly closed?: true
  /** Lower-case names of headers that send the request to another account, such as `stripe-account`. */
  readonly accountHeaders?: readonly string[]
  /**
   * Names of arguments whose values the API compares without regard to case, such as `owner`. ATTACK: `Acme/Prod`
   * past a rule on `acme/prod`. Scope and resources hold them in lower case; arguments stay as they came.
   */
  readonly caseless?: readonly string[]
  /** Names of path parameters that are whole numbers: `/issues/{issue_number}/labels` then isn't `/issues/comments/{comment_id}`. */
  readonly numeric?: readonly string[]
  /** A header that a request of these methods must carry upstream; added where the agent sent none. */
  readonly idempotency?: { readonly header: string; readonly methods: readonly string[] }
}

/** One operation; what is absent is empty. */
export interface RestRoute {
  /** Method and template, and the operation's name: `POST /v1/charges/{charge}/refund`. */
  readonly route: string
  readonly classes: readonly OperationClass[]
  /** Parsers that may read the body, by its Content-Type; absent where the operation takes no body. */
  readonly body?: readonly BodyKind[]
  /** Decoded size that is still inspected; by kind unless told. */
  readonly maxBodyBytes?: number
  /** Types of query and body parameters; path parameters are strings. */
  readonly args?: Readonly<Record<string, ArgumentType>>
  readonly effects?: readonly string[]
  /** Path parameters of one segment whose value may hold slashes, encoded: a branch `feature%2Flogin`. */
  readonly slashed?: readonly string[]
  /** Arguments that name a resource. */
  readonly resources?: readonly ResourceArgument[]
  /**
   * Scope members → path of the argument that holds them. Path parameters are members under their own names,
   * unless one is named here: `{ subscription: 'subscription_exposed_id' }`.
   */
  readonly scope?: Readonly<Record<string, string>>
  readonly rules?: readonly ArgumentRule[]
  /** Paths of arguments that SDKs renew on every call; an approval is not bound to them. */
  readonly renewed?: readonly string[]
  /** Label of `profile.origins`; `default` unless told. */
  readonly origin?: string
}

/**
 * A path as in `ArgumentRule`, every value of which is an id; or several that are one id only together, joined by slashes:
 * `owner/repo`. With no `args` it touches one that no argument names. `alias`: it is another name than rules use, a repository's number for instance, so that hold and deny take
 * it for any of the type. `optional`: where it isn't given there is none, and not one that the request leaves open.
 */
export type ResourceArgument =
  | { readonly type: string; readonly arg: string; readonly alias?: true; readonly optional?: true }
  | { readonly type: string; readonly args: readonly string[] }

/** How a body is read. `stream` goes past unread: only for operations that no argument can make worse. */
export const BODY_KINDS = ['form', 'json', 'multipart', 'stream'] as const
export type BodyKind = (typeof BODY_KINDS)[number]

/** Checks the body of a REST catalog whole; throws `catalog_malformed`. */
export function readRestDocument(body: unknown): RestDocument {
  const it = readMembers(
    body,
    'body',
    ['routes'],
    ['accountHeaders', 'caseless', 'closed', 'idempotency', 'numeric'],
  )
  return {
    routes: readList(it.routes, 'body.routes', readRoute),
    ...(it.accountHeaders === undefined
      ? {}
      : { accountHeaders: readList(it.accountHeaders, 'body.accountHeaders', readText) }),
    ...(it.caseless === undefined ? {} : { caseless: readList(it.caseless, 'body.caseless', readText) }),
    ...(it.numeric === undefined ? {} : { numeric: readList(it.numeric, 'body.numeric', readText) }),
    ...(it.closed === undefined ? {} : { closed: readTrue(it.closed, 'body.closed') }),
    ...(it.idempotency === undefined ? {} : { idempotency: readIdempotency(it.idempotency) }),
  }
}

function readTrue(value: unknown, where: string): true {
  if (value !== true) throw malformed(where, 'true, or nothing')
  return value
}

function readIdempotency(value: unknown): { header: string; methods: readonly string[] } {
  const where = 'body.idempotency'
  const it = readMembers(value, where, ['header', 'methods'])
  return {
    header: readText(it.header, `${where}.header`),
    methods: readList(it.methods, `${where}.methods`, readText),
  }
}

function readRoute(value: unknown, at: string): RestRoute {
  const it = readMembers(value, at, ['route', 'classes'], OPTIONAL)
  const route = readText(it.route, `${at}.route`)
  const where = `${at} ${JSON.stringify(route)}`
  return {
    route,
    classes: readClasses(it.classes, `${where}.classes`),
    ...(it.body === undefined ? {} : { body: readBodyKinds(it.body, `${where}.body`) }),
    ...(it.maxBodyBytes === undefined
      ? {}
      : { maxBodyBytes: readSize(it.maxBodyBytes, `${where}.maxBodyBytes`) }),
    ...(it.args === undefined ? {} : { args: readMap(it.args, `${where}.args`, readArgumentType) }),
    ...(it.effects === undefined ? {} : { effects: readList(it.effects, `${where}.effects`, readText) }),
    ...(it.slashed === undefined ? {} : { slashed: readList(it.slashed, `${where}.slashed`, readText) }),
    ...(it.resources === undefined
      ? {}
      : { resources: readList(it.resources, `${where}.resources`, readResource) }),
    ...(it.scope === undefined ? {} : { scope: readMap(it.scope, `${where}.scope`, readText) }),
    ...(it.rules === undefined ? {} : { rules: readList(it.rules, `${where}.rules`, readArgumentRule) }),
    ...(it.renewed === undefined ? {} : { renewed: readList(it.renewed, `${where}.renewed`, readText) }),
    ...(it.origin === undefined ? {} : { origin: readText(it.origin, `${where}.origin`) }),
  }
}

const OPTIONAL = [
  'body',
  'maxBodyBytes',
  'args',
  'effects',
  'resources',
  'scope',
  'slashed',
  'rules',
  'renewed',
  'origin',
] as const

function readClasses(value: unknown, where: string): readonly OperationClass[] {
  const classes = readList(value, where, (name, at) => readOneOf(name, at, OPERATION_CLASSES))
  if (classes.length === 0) throw malformed(where, 'at least one class')
  return [...new Set(classes)].sort()
}

function readBodyKinds(value: unknown, where: string): readonly BodyKind[] {
  const kinds = readList(value, where, (kind, at) => readOneOf(kind, at, BODY_KINDS))
  if (kinds.length === 0) throw malformed(where, 'at least one kind')
  if (kinds.includes('stream') && kinds.length > 1) throw malformed(where, '`stream` alone')
  return kinds
}

function readResource(value: unknown, where: string): ResourceArgument {
  const it = readMembers(value, where, ['type'], ['arg', 'args', 'alias', 'optional'])
  if ((it.arg === undefined) === (it.args === undefined)) throw malformed(where, '`arg` or `args`')
  const type = readText(it.type, `${where}.type`)
  if (it.args !== undefined) {
    if (it.alias !== undefined || it.optional !== undefined) throw malformed(where, 'no flags beside `args`')
    return { type, args: readList(it.args, `${where}.args`, readText) }
  }
  return {
    type,
    arg: readText(it.arg, `${where}.arg`),
    ...(it.alias === undefined ? {} : { alias: readTrue(it.alias, `${where}.alias`) }),
    ...(it.optional === undefined ? {} : { optional: readTrue(it.optional, `${where}.optional`) }),
  }
}

/** At most 64 MiB: what is inspected is held in memory. */
function readSize(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > 64 * 1024 * 1024)
    throw malformed(where, 'a size in bytes up to 64 MiB')
  return value as number
}
