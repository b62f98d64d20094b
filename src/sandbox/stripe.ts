import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { SCHEMALESS } from '../native/index.js'
import { type Charge, createStripeWorld, newStripeId, type StripeWorld } from './stripe-world.js'

export interface StripeStandIn {
  readonly server: FastifyInstance
  readonly world: StripeWorld
}

/** What a restricted key may do, in the manner of Stripe's permissions: `customers: 'write'` includes reading. */
export interface RestrictedKey {
  readonly secret: string
  readonly permissions: Readonly<Record<string, 'read' | 'write'>>
}

type Form = Record<string, string>

class StripeRefusal extends Error {
  readonly status: number
  readonly type: string
  readonly code: string

  constructor(status: number, type: string, code: string, message: string) {
    super(message)
    this.status = status
    this.type = type
    this.code = code
  }
}

/** Stripe's v1 API for customers, subscriptions, charges and refunds: form bodies, restricted keys, idempotency keys, Stripe's error shape. */
export function stripeStandIn(keys: readonly RestrictedKey[], now: () => Date): StripeStandIn {
  const world = createStripeWorld(now)
  const server = Fastify({ forceCloseConnections: true, schemaController: SCHEMALESS })
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body as string)))
    },
  )
  server.setErrorHandler((error, _request, reply) => {
    const refusal =
      error instanceof StripeRefusal
        ? error
        : new StripeRefusal(400, 'invalid_request_error', 'invalid', 'Invalid request')
    return reply
      .code(refusal.status)
      .send({ error: { type: refusal.type, code: refusal.code, message: refusal.message } })
  })
  server.setNotFoundHandler((request, reply) => {
    const error = {
      type: 'invalid_request_error',
      code: 'url_invalid',
      message: `Unrecognized request URL (${request.method}: path)`,
    }
    return reply.code(404).send({ error })
  })
  server.addHook('preHandler', async (request, reply) => replayed(world, request, reply))
  server.addHook('onSend', async (request, reply, payload) => {
    reply.header('request-id', newStripeId('req'))
    remember(world, request, reply, payload)
    return payload
  })
  customerRoutes(server, world, keys, now)
  subscriptionRoutes(server, world, keys)
  refundRoutes(server, world, keys)
  return { server, world }
}

function customerRoutes(
  server: FastifyInstance,
  world: StripeWorld,
  keys: readonly RestrictedKey[],
  now: () => Date,
): void {
  server.get('/v1/customers', async request => {
    authorize(keys, request, 'customers', 'read')
    return list('/v1/customers', [...world.customers.values()])
  })
  server.post<{ Body?: Form }>('/v1/customers', async request => {
    authorize(keys, request, 'customers', 'write')
    const { email = null, name = null } = request.body ?? {}
    const customer = {
      id: newStripeId('cus'),
      object: 'customer' as const,
      created: Math.floor(now().getTime() / 1000),
      livemode: false as const,
      email,
      name,
    }
    world.customers.set(customer.id, customer)
    return customer
  })
  server.get<{ Params: { id: string } }>('/v1/customers/:id', async request => {
    authorize(keys, request, 'customers', 'read')
    return found(world.customers, request.params.id, 'customer')
  })
  server.post<{ Params: { id: string }; Body?: Form }>('/v1/customers/:id', async request => {
    authorize(keys, request, 'customers', 'write')
    const customer = found(world.customers, request.params.id, 'customer')
    const { email, name } = request.body ?? {}
    if (email !== undefined) customer.email = email
    if (name !== undefined) customer.name = name
    return customer
  })
  server.delete<{ Params: { id: string } }>('/v1/customers/:id', async request => {
    authorize(keys, request, 'customers', 'write')
    const { id } = found(world.customers, request.params.id, 'customer')
    world.customers.delete(id)
    for (const [key, subscription] of world.subscriptions)
      if (subscription.customer === id) world.subscriptions.delete(key)
    return { id, object: 'customer', deleted: true }
  })
}

function subscriptionRoutes(
  server: FastifyInstance,
  world: StripeWorld,
  keys: readonly RestrictedKey[],
): void {
  server.get('/v1/subscriptions', async request => {
    authorize(keys, request, 'subscriptions', 'read')
    return list('/v1/subscriptions', [...world.subscriptions.values()])
  })
  server.get<{ Params: { id: string } }>('/v1/subscriptions/:id', async request => {
    authorize(keys, request, 'subscriptions', 'read')
    return found(world.subscriptions, request.params.id, 'subscription')
  })
  server.delete<{ Params: { id: string } }>('/v1/subscriptions/:id', async request => {
    authorize(keys, request, 'subscriptions', 'write')
    const subscription = found(world.subscriptions, request.params.id, 'subscription')
    subscription.status = 'canceled'
    return subscription
  })
}

function refundRoutes(server: FastifyInstance, world: StripeWorld, keys: readonly RestrictedKey[]): void {
  server.get<{ Params: { id: string } }>('/v1/charges/:id', async request => {
    authorize(keys, request, 'charges', 'read')
    return found(world.charges, request.params.id, 'charge')
  })
  server.post<{ Body?: Form }>('/v1/refunds', async request => {
    authorize(keys, request, 'charges', 'write')
    const charge = found(world.charges, request.body?.charge ?? '', 'charge')
    return refund(world, charge, request.body?.amount)
  })
  server.post<{ Params: { id: string }; Body?: Form }>('/v1/charges/:id/refund', async request => {
    authorize(keys, request, 'charges', 'write')
    const charge = found(world.charges, request.params.id, 'charge')
    refund(world, charge, request.body?.amount)
    return charge
  })
}

function refund(world: StripeWorld, charge: Charge, requested: string | undefined) {
  const left = charge.amount - charge.amount_refunded
  const amount = requested === undefined ? left : Number(requested)
  if (!Number.isSafeInteger(amount) || amount <= 0 || amount > left) {
    throw new StripeRefusal(
      400,
      'invalid_request_error',
      'charge_already_refunded',
      `Refund amount is not within the ${left} left.`,
    )
  }
  charge.amount_refunded += amount
  charge.refunded = charge.amount_refunded === charge.amount
  const made = {
    id: newStripeId('re'),
    object: 'refund' as const,
    amount,
    charge: charge.id,
    currency: charge.currency,
    status: 'succeeded' as const,
  }
  world.refunds.set(made.id, made)
  return made
}

function authorize(
  keys: readonly RestrictedKey[],
  request: FastifyRequest,
  resource: string,
  needed: 'read' | 'write',
): void {
  const secret = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const key = keys.find(each => each.secret === secret)
  if (key === undefined)
    throw new StripeRefusal(401, 'invalid_request_error', 'api_key_invalid', 'Invalid API Key provided.')
  const held = key.permissions[resource]
  if (held === undefined || (needed === 'write' && held === 'read')) {
    const message = `The provided key does not have the required permissions: ${resource} ${needed}.`
    throw new StripeRefusal(403, 'invalid_request_error', 'more_permissions_required', message)
  }
}

function found<T>(things: ReadonlyMap<string, T>, id: string, what: string): T {
  const thing = things.get(id)
  if (thing === undefined)
    throw new StripeRefusal(404, 'invalid_request_error', 'resource_missing', `No such ${what}.`)
  return thing
}

function list(url: string, data: readonly unknown[]) {
  return { object: 'list', url, has_more: false, data }
}

/** An Idempotency-Key seen before answers as before; with another request it is refused, as at Stripe. */
async function replayed(world: StripeWorld, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const key = request.headers['idempotency-key']
  const earlier = typeof key === 'string' ? world.replays.get(key) : undefined
  if (earlier === undefined) return undefined
  if (earlier.request !== fingerprint(request)) {
    throw new StripeRefusal(
      400,
      'idempotency_error',
      'idempotency_key_in_use',
      'Keys for idempotent requests can only be used with the same parameters.',
    )
  }
  return reply
    .code(earlier.status)
    .header('idempotent-replayed', 'true')
    .type('application/json')
    .send(earlier.body)
}

function remember(world: StripeWorld, request: FastifyRequest, reply: FastifyReply, body: unknown): void {
  const key = request.headers['idempotency-key']
  if (
    typeof key !== 'string' ||
    request.method !== 'POST' ||
    reply.statusCode >= 500 ||
    world.replays.has(key)
  )
    return
  world.replays.set(key, { request: fingerprint(request), status: reply.statusCode, body })
}

function fingerprint(request: FastifyRequest): string {
  return JSON.stringify([request.method, request.url, request.body ?? null])
}
