import type { JsonObject } from '../../canon/index.js'
import { strays, valuesAt } from '../argument-rule.js'
import type { Catalog, CatalogDocument, OperationSpec } from '../catalog.js'
import { isDeclared } from '../declared.js'
import { malformed } from '../document-shape.js'
import { protocolFault } from '../error-table.js'
import { anyOf, leftOpen, type NamedIds, namedIds } from '../named.js'
import {
  type Classification,
  type Operation,
  type OperationClass,
  type Recognised,
  type Resource,
  UNMAPPED,
  type Unclassifiable,
} from '../operation.js'
import { type ProbeSpec, readProbes } from '../probe/spec.js'
import type { BodyPlan, Header, RawRequest, RequestFacts, RequestHead } from '../request.js'
import { headerValue, refuseHeaders } from '../request-headers.js'
import { parseTarget } from '../target.js'
import { asUnclassifiable, unclassifiable } from '../unclassifiable.js'
import { argumentsOf, bodyKindOf } from './arguments.js'
import { type RestDocument, readRestDocument } from './document.js'
import { type CompiledRoute, compileRoute, type Place } from './route.js'
import { Router } from './router.js'
import { writeRequest } from './write-request.js'

/**
 * Opens a catalog of protocol `rest`: an operation is a method and a path template. Throws
 * `catalog_malformed`, `catalog_template` or `catalog_ambiguous`.
 */
export function openRestCatalog(document: CatalogDocument): Catalog {
  return new RestCatalog(document, readRestDocument(document.body))
}

/** An account id, or a path of them (`Stripe-Context: org_1/acct_2`). */
const ACCOUNT = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/
const MAX_ACCOUNT_CHARS = 255

/** What a matched request is; null where the path or the method has no route. */
interface Routed {
  readonly route: CompiledRoute
  readonly captured: readonly string[]
}

class RestCatalog implements Catalog {
  readonly name: string
  readonly classifier = 'rest/3'
  readonly profile: Catalog['profile']
  readonly parseTarget = parseTarget
  readonly probes: ReadonlyMap<string, ProbeSpec>
  private readonly router = new Router<CompiledRoute>()
  private readonly byName = new Map<string, CompiledRoute>()
  private readonly accountHeaders: readonly string[]
  private readonly idempotency: RestDocument['idempotency']
  private readonly closed: boolean
  private readonly specs: readonly OperationSpec[]

  constructor(document: CatalogDocument, body: RestDocument) {
    this.name = document.name
    this.profile = document.profile
    this.probes = readProbes(document.probes)
    this.accountHeaders = body.accountHeaders ?? []
    this.idempotency = body.idempotency
    this.closed = body.closed === true
    const kinds = { caseless: new Set(body.caseless), numeric: new Set(body.numeric) }
    for (const declared of body.routes) {
      const route = compileRoute(declared, kinds)
      if (!Object.hasOwn(document.profile.origins, route.origin))
        throw malformed(route.name, 'a declared origin')
      this.router.add(route.template, route)
      this.byName.set(route.name, route)
    }
    this.router.refuseCrossings()
    this.specs = [...this.byName.values()].map(({ spec }) => this.specOf(spec))
  }

  /** A route's spec, with what any request to this API may have beside: another account, an undeclared parameter. */
  private specOf(spec: OperationSpec): OperationSpec {
    const scope = this.accountHeaders.length > 0 ? [...spec.scope, 'account'] : spec.scope
    const raisable: readonly OperationClass[] = this.closed ? [...spec.raisable, 'opaque'] : spec.raisable
    return { ...spec, scope: [...new Set(scope)].sort(), raisable: [...new Set(raisable)].sort() }
  }

  planBody(head: RequestHead): BodyPlan | Unclassifiable {
    const refused = refuseHeaders(head.headers)
    if (refused !== null) return refused
    const route = this.routeOf(head)?.route ?? null
    if (route?.bodies.length === 0) return { kind: 'none' }
    // Nothing in the body can make an unknown operation known.
    return route === null || route.bodies[0] === 'stream' ? planStream(head) : planInspection(route, head)
  }

  recognise(facts: RequestFacts): Classification {
    try {
      return { kind: 'operations', operations: [this.recogniseRoute(facts)] }
    } catch (error) {
      return asUnclassifiable(error)
    }
  }

  private recogniseRoute(facts: RequestFacts): Recognised {
    const account = this.accountOf(facts)
    const routed = this.routeOf(facts)
    if (routed === null) {
      if (facts.target.path.includes('%2F')) throw protocolFault('target_encoded_slash')
      return withAccount({ name: `${facts.method} (unrouted)`, args: Object.create(null) }, account)
    }
    const args = argumentsOf(routed.route, routed.captured, facts)
    if (account !== null) refuseOtherAccount(routed.route, args, account)
    return withAccount({ name: routed.route.name, args }, account)
  }

  private accountOf(head: RequestHead): string | null {
    let account: string | null = null
    for (const name of this.accountHeaders) {
      const value = headerValue(head, name)
      if (value === null) continue
      if (account !== null || value.length > MAX_ACCOUNT_CHARS || !ACCOUNT.test(value))
        throw protocolFault('account_invalid')
      account = value
    }
    return account
  }

  /** INVARIANT: the name of an unrouted request (`POST (unrouted)`) is no route's, so it describes as `unknown`. */
  describe(api: string, recognised: Recognised): Operation {
    const route = this.byName.get(recognised.name)
    const base = route?.spec.classes ?? UNKNOWN
    const raised = route?.raised(recognised.args) ?? []
    const opaque: readonly OperationClass[] = this.isOpaque(route, recognised) ? ['opaque'] : []
    const { resources, spellings } = route === undefined ? NOTHING : touchedBy(route, recognised.args)
    const operation = {
      api,
      name: recognised.name,
      baseClasses: base,
      classes:
        raised.length + opaque.length === 0 ? base : [...new Set([...base, ...raised, ...opaque])].sort(),
      scope: scopeOf(route, recognised),
      resources,
      ...(spellings.length === 0 ? {} : { spellings }),
      args: recognised.args,
      effects: route?.spec.effects ?? [],
    }
    return recognised.account === undefined ? operation : { ...operation, account: recognised.account }
  }

  lastingArgs({ name, args }: Pick<Operation, 'name' | 'args'>): JsonObject {
    return this.byName.get(name)?.lasting(args) ?? args
  }

  private isOpaque(route: CompiledRoute | undefined, { args, opaque }: Recognised): boolean {
    if (opaque !== undefined) return true
    return this.closed && route !== undefined && !isDeclared(route.spec.args, args)
  }

  originOf(head: RequestHead): string {
    return this.routeOf(head)?.route.origin ?? 'default'
  }

  addedHeaders(head: RequestHead, id: string): readonly Header[] {
    if (this.idempotency === undefined || !this.idempotency.methods.includes(head.method)) return []
    const { header } = this.idempotency
    return headerValue(head, header) === null ? [[header, `cs-${id}`]] : []
  }

  operations() {
    return this.specs
  }

  readonly write = (recognised: Recognised): RawRequest | null => {
    const route = this.byName.get(recognised.name)
    return route === undefined ? null : writeRequest(route, recognised, this.accountHeaders[0] ?? null)
  }

  readonly argumentRules = (name: string) => this.byName.get(name)?.rules ?? []

  private routeOf(head: Pick<RequestHead, 'method' | 'target'>): Routed | null {
    const match = this.router.find(head.target.segments)
    const route = match?.byMethod.get(head.method)
    return match === null || route === undefined ? null : { route, captured: match.captured }
  }
}

/** What nobody inspects is forwarded as it came, and `Content-Encoding` would not be: such a body is refused. */
function planStream(head: RequestHead): BodyPlan | Unclassifiable {
  const encoding = headerValue(head, 'content-encoding')
  return encoding === null || encoding === 'identity'
    ? { kind: 'stream' }
    : unclassifiable('content_encoding')
}

function planInspection(route: CompiledRoute, head: RequestHead): BodyPlan | Unclassifiable {
  const kind = bodyKindOf(route, head)
  if (kind !== null) return { kind: 'inspect', maxBytes: route.maxBodyBytes(kind) }
  // `fetch` writes `text/plain` over an empty body (Fetch §6.6), and nothing can be read out of no bytes.
  if (headerValue(head, 'content-length') === '0') return { kind: 'none' }
  // A request without a body needs no Content-Type; a body without one is refused by `recognise`.
  if (headerValue(head, 'content-type') !== null) return unclassifiable('content_type_mismatch')
  return { kind: 'inspect', maxBytes: Math.min(...route.bodies.map(route.maxBodyBytes)) }
}

const UNKNOWN: readonly OperationClass[] = ['unknown']

function withAccount(recognised: Recognised, account: string | null): Recognised {
  return account === null ? recognised : { ...recognised, account }
}

/**
 * ATTACK: `/v1/accounts/acct_1` with a header that names another account, past a rule on one of the two. One
 * request names one account.
 */
function refuseOtherAccount(route: CompiledRoute, args: JsonObject, account: string): void {
  const named = scopeOf(route, { name: route.name, args }).account
  if (named !== undefined && named !== effectiveAccount(account)) throw protocolFault('account_invalid')
}

/**
 * Path parameters and declared members that hold exactly one value; an account header is the member `account`.
 * Where both name one and differ (a gate that lies: `recognise` refuses it) the member is left unknown.
 */
function scopeOf(route: CompiledRoute | undefined, recognised: Recognised): Readonly<Record<string, string>> {
  const scope: Record<string, string> = Object.create(null)
  for (const { member, place } of route?.scope ?? []) {
    const values = valuesAt(recognised.args, place.steps)
    const value = values[0]
    if (values.length === 1 && typeof value === 'string' && value !== '') scope[member] = folded(value, place)
  }
  if (recognised.account === undefined) return scope
  const account = effectiveAccount(recognised.account)
  if (scope.account === undefined || scope.account === account) scope.account = account
  else delete scope.account
  return scope
}

/** The last of a path of accounts is the one that the request acts on: `org_1/acct_2` → `acct_2`. */
function effectiveAccount(account: string): string {
  return account.slice(account.lastIndexOf('/') + 1)
}

const NOTHING: Touched = { resources: [], spellings: [] }

/** What a request names, and what it may touch besides. */
interface Touched {
  readonly resources: readonly Resource[]
  readonly spellings: readonly Resource[]
}

function touchedBy(route: CompiledRoute, args: JsonObject): Touched {
  const resources = new Map<string, Resource>()
  const open: Resource[] = []
  const unread = new Set<string>()
  for (const { type, places, alias } of route.resources) {
    const { ids, unclear } = places.length === 1 ? idsAt(args, places[0] as Place) : joinedIds(args, places)
    for (const id of ids) resources.set(`${type} ${id}`, { type, id })
    if (unclear || (alias && ids.length > 0)) open.push(anyOf(type))
    if (unclear) unread.add(type)
  }
  const named = [...resources.values()]
  // ATTACK: `{"items":{"order":2}}` where a list is declared, by an allow of what else the request names.
  const unmapped = named.length === 0 ? [] : [...unread].map(id => ({ type: UNMAPPED, id }))
  return { resources: [...named, ...unmapped], spellings: [...open, ...leftOpen(route.open, named)] }
}

function idsAt(args: JsonObject, place: Place): NamedIds {
  const { ids, unclear } = namedIds(valuesAt(args, place.steps))
  return { ids: ids.map(id => folded(id, place)), unclear: unclear || strays(args, place.steps) }
}

/** Unclear where a part is more than one, or missing beside another. */
function joinedIds(args: JsonObject, places: readonly Place[]): NamedIds {
  if (places.length === 0) return { ids: [], unclear: false }
  const parts = places.map(place => idsAt(args, place))
  if (parts.every(({ ids, unclear }) => ids.length === 1 && !unclear))
    return { ids: [parts.map(({ ids: [id] }) => id).join('/')], unclear: false }
  return { ids: [], unclear: parts.some(({ ids, unclear }) => ids.length > 0 || unclear) }
}

function folded(value: string, { caseless }: Place): string {
  return caseless ? value.toLowerCase() : value
}
