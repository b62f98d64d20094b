import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contentId, portableCrypto, utf8 } from '../../src/canon/index.js'
import type { ApiProfile, ArgumentType, CatalogDocument, RestRoute } from '../../src/protocol/index.js'
import { singularOf } from '../../src/protocol/index.js'
import { stripeClasses, unusedReviews } from './stripe-classes.js'
import { LEGACY, legacyParameters } from './stripe-legacy.js'
import { namePath, type PathParameter } from './stripe-names.js'
import { STRIPE_PROBES } from './stripe-probes.js'
import { EFFECTS, ID_ARGUMENTS, OPTIONAL_ARGUMENTS, rulesOf } from './stripe-rules.js'
import { readStripeSource, type SdkCall, type StripeSource } from './stripe-source.js'
import { argumentTypes } from './stripe-types.js'

const PROFILE: ApiProfile = {
  dialect: 'stripe',
  slots: ['bearer', 'basic-user', 'countersign-grant'],
  requestHeaders: ['idempotency-key', 'stripe-account', 'stripe-context', 'stripe-version'],
  responseHeaders: [
    'idempotency-key',
    'idempotent-replayed',
    'original-request',
    'request-id',
    'retry-after',
    'stripe-account',
    'stripe-should-retry',
    'stripe-version',
  ],
  origins: {
    default: 'https://api.stripe.com',
    files: 'https://files.stripe.com',
    connect: 'https://connect.stripe.com',
    meter_events: 'https://meter-events.stripe.com',
  },
}

/** The catalog of Stripe's API: what the installed npm package `stripe` can call, and what it no longer lists. */
export function stripeCatalog(): CatalogDocument {
  const source = readStripeSource(packageFolder())
  const routes = new Map<string, RestRoute>()
  for (const call of source.calls) addRoute(routes, sdkRoute(call, source))
  for (const { method, shape, like } of LEGACY)
    addRoute(routes, route({ method, shape, verb: '', base: null, multipart: false }, argsLike(routes, like)))
  refuseUnused(routes)
  return {
    v: 1,
    name: 'stripe',
    protocol: 'rest',
    source: { package: 'stripe', version: source.version, digest: digestOf(source) },
    profile: PROFILE,
    body: {
      routes: [...routes.values()].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1)),
      closed: true,
      accountHeaders: ['stripe-account', 'stripe-context'],
      idempotency: { header: 'idempotency-key', methods: ['POST'] },
    },
    probes: STRIPE_PROBES,
  }
}

function packageFolder(): string {
  return dirname(dirname(fileURLToPath(import.meta.resolve('stripe'))))
}

function sdkRoute(call: SdkCall, source: StripeSource): RestRoute {
  return route(call, call.params === null ? {} : argumentTypes(call.params, source.checker))
}

function route(call: Omit<SdkCall, 'params'>, declared: Readonly<Record<string, ArgumentType>>): RestRoute {
  const { path, parameters } = namePath(call.method, call.shape, singularOf)
  const name = `${call.method} ${path}`
  const classes = stripeClasses(name, call.verb)
  if (classes === null) throw new Error(`stripe: ${name} (${call.verb}) has no reviewed class`)
  const inPath = new Set(parameters.map(parameter => parameter.name))
  const taken = { ...declared, ...legacyParameters(name) }
  const args = Object.fromEntries(Object.entries(taken).filter(([argument]) => !inPath.has(argument)))
  const effects = Object.keys(EFFECTS).filter(effect => EFFECTS[effect]?.includes(name))
  const rules = rulesOf(name, args)
  const resources = resourcesOf(parameters, args, effects)
  const scope = scopeOf(parameters)
  return {
    route: name,
    classes: [...classes].sort(),
    ...(call.method === 'POST' ? { body: [bodyOf(call)] } : {}),
    ...(Object.keys(args).length > 0 ? { args } : {}),
    ...(effects.length > 0 ? { effects } : {}),
    ...(resources.length > 0 ? { resources } : {}),
    ...(Object.keys(scope).length > 0 ? { scope } : {}),
    ...(rules.length > 0 ? { rules } : {}),
    ...(call.base === null ? {} : { origin: call.base }),
  }
}

function bodyOf(call: Omit<SdkCall, 'params'>): 'form' | 'json' | 'multipart' {
  if (call.multipart) return 'multipart'
  return call.shape.startsWith('/v2/') ? 'json' : 'form'
}

function resourcesOf(
  parameters: readonly PathParameter[],
  args: Readonly<Record<string, ArgumentType>>,
  effects: readonly string[],
): RestRoute['resources'] & object {
  const named = Object.keys(args).filter(arg => args[arg] === 'string' && Object.hasOwn(ID_ARGUMENTS, arg))
  // What is refunded is a charge, whatever it is called by.
  const charged = effects.includes('refund') && !named.includes('charge') && !hasCharge(parameters)
  return [
    ...parameters.map(({ name, resource }) => ({ type: resource, arg: name })),
    ...named.map(arg => ({
      type: ID_ARGUMENTS[arg] as string,
      arg,
      ...(OPTIONAL_ARGUMENTS.has(arg) ? { optional: true as const } : {}),
    })),
    ...(charged ? [{ type: 'charge', args: [] }] : []),
  ]
}

function hasCharge(parameters: readonly PathParameter[]): boolean {
  return parameters.some(({ resource }) => resource === 'charge')
}

/**
 * `{subscription_exposed_id}` and `{id}` are a `subscription` and a `product` to a policy's `scope`, and the bank's
 * `account` of Financial Connections is no Stripe account.
 */
function scopeOf(parameters: readonly PathParameter[]): Record<string, string> {
  const taken = new Set(parameters.map(({ name }) => name))
  const scope: Record<string, string> = {}
  for (const { name, resource } of parameters) {
    const member = BANK_ACCOUNTS.has(resource)
      ? 'bank_account'
      : resource.slice(resource.lastIndexOf('.') + 1)
    if (!taken.has(member)) scope[member] = name
  }
  return scope
}

const BANK_ACCOUNTS: ReadonlySet<string> = new Set(['financial_connections.account', 'linked_account'])

function argsLike(
  routes: ReadonlyMap<string, RestRoute>,
  like: string | undefined,
): Readonly<Record<string, ArgumentType>> {
  if (like === undefined) return {}
  const model = routes.get(like)
  if (model === undefined) throw new Error(`stripe: legacy operations are like ${like}, which doesn't exist`)
  return model.args ?? {}
}

/** The SDK reaches some operations from two classes; the one that knows more about the parameters stays. */
function addRoute(routes: Map<string, RestRoute>, added: RestRoute): void {
  const known = routes.get(added.route)
  if (known === undefined || size(known) < size(added)) routes.set(added.route, added)
}

function size(known: RestRoute): number {
  return Object.keys(known.args ?? {}).length
}

function refuseUnused(routes: ReadonlyMap<string, RestRoute>): void {
  const names = new Set(routes.keys())
  const unused = [
    ...unusedReviews(names),
    ...Object.values(EFFECTS)
      .flat()
      .filter(name => !names.has(name)),
  ]
  if (unused.length > 0) throw new Error(`stripe: reviewed, but not in the package:\n${unused.join('\n')}`)
}

/** By path, then method, so that what belongs together stands together. */
function pathOf({ route: name }: RestRoute): string {
  const [method, path] = name.split(' ')
  return `${path} ${method}`
}

/** Content id of everything that was read: each file's path and bytes, in order. */
function digestOf(source: StripeSource): string {
  const parts = source.files.flatMap(({ path, bytes }) => [utf8(`${path}\0${bytes.length}\0`), bytes])
  return contentId({ sha256: () => portableCrypto.sha256(...parts) }, utf8(''))
}
