import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import Stripe from 'stripe'
import { classify, type Header, type RawRequest } from '../../src/protocol/index.js'
import { operationIn, shippedCatalog } from './requests.js'

const catalog = shippedCatalog('stripe')

/** One method of one of the SDK's resources: `stripe.issuing.cards.create`. */
interface SdkMethod {
  readonly name: string
  readonly ids: number
  readonly call: (...args: readonly unknown[]) => unknown
  /** What the method's own source says that it sends: `POST /v1/issuing/cards/{}`. */
  readonly sends: string
}

describe('the unmodified stripe package', () => {
  let server: Server
  let stripe: Stripe
  const received: RawRequest[] = []

  before(async () => {
    server = createServer((incoming, answer) => {
      const chunks: Uint8Array[] = []
      incoming.on('data', chunk => chunks.push(chunk))
      incoming.on('end', () => {
        const raw = incoming.rawHeaders
        const headers = raw.flatMap((name, i): Header[] =>
          i % 2 === 0 ? [[name, raw[i + 1] as string]] : [],
        )
        received.push({
          method: incoming.method as string,
          target: incoming.url as string,
          headers,
          body: new Uint8Array(Buffer.concat(chunks)),
        })
        answer.setHeader('content-type', 'application/json')
        answer.end('{"object":"list","data":[],"has_more":false}')
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    stripe = new Stripe('sk_test_x', { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 })
  })

  after(() => new Promise(resolve => server.close(resolve)))

  const only = async (call: () => unknown): Promise<RawRequest> => {
    received.length = 0
    await call()
    assert.equal(received.length, 1)
    return received[0] as RawRequest
  }

  it('has every one of its requests resolved to exactly the operation that it means', async () => {
    const methods = methodsOf(stripe, 'stripe')
    assert.ok(methods.length > 600, `${methods.length} methods`)
    for (const { name, ids, call, sends } of methods) {
      const params = name.endsWith('files.create')
        ? { purpose: 'p', file: { data: 'x', name: 'f', type: 't/t' } }
        : {}
      const given = Array.from({ length: ids }, (_, i) => `id ${i}-é`)
      // Ephemeral keys ask for a version; the others don't mind.
      const raw = await only(() => call(...given, params, { apiVersion: '2026-10-28.endive' }))
      const classification = classify(catalog, raw)
      assert.equal(classification.kind, 'operations', `${name}: ${JSON.stringify(classification)}`)
      const operation = operationIn(catalog, raw)
      assert.equal(operation.name.replace(/\{[^}]*\}/g, '{}'), sends, name)
      assert.ok(!operation.classes.includes('unknown'), name)
    }
  })

  it('has its arguments read as they were meant', async () => {
    const raw = await only(() =>
      stripe.subscriptions.create(
        {
          customer: 'cus_1',
          items: [{ price: 'price_1', quantity: 2 }, { price: 'price & more' }],
          metadata: { 'a key': 'ü=&[]', '0': 'x' },
          expand: ['latest_invoice', 'customer'],
          cancel_at_period_end: false,
          application_fee_percent: 2.5,
        },
        { stripeAccount: 'acct_2', idempotencyKey: 'k-1' },
      ),
    )
    const { args, account, resources } = operationIn(catalog, raw)
    assert.deepEqual(JSON.parse(JSON.stringify(args)), {
      customer: 'cus_1',
      items: [{ price: 'price_1', quantity: 2 }, { price: 'price & more' }],
      metadata: { 'a key': 'ü=&[]', '0': 'x' },
      expand: ['latest_invoice', 'customer'],
      cancel_at_period_end: false,
      application_fee_percent: 2.5,
    })
    assert.equal(account, 'acct_2')
    assert.deepEqual(resources, [{ type: 'customer', id: 'cus_1' }])
  })

  it('is refused when an id that it was given climbs out of its segment', async () => {
    const raw = await only(() => stripe.customers.retrieve('../refunds?x='))
    const classification = classify(catalog, raw)
    assert.equal(classification.kind === 'unclassifiable' && classification.code, 'target_dot_segment')
  })
})

/** Every method of the SDK that makes a request, by walking its resources. */
function methodsOf(holder: object, path: string, seen = new Set<object>([holder])): SdkMethod[] {
  return Object.entries(holder).flatMap(([name, value]) => {
    if (name.startsWith('_') || typeof value !== 'object' || value === null || seen.has(value)) return []
    seen.add(value)
    const here = `${path}.${name}`
    return [...ownMethods(value, here), ...methodsOf(value, here, seen)]
  })
}

function ownMethods(resource: object, path: string): SdkMethod[] {
  const prototype = (Object.getPrototypeOf(resource) ?? {}) as object
  return Object.getOwnPropertyNames(prototype).flatMap(name => {
    const method = (resource as Record<string, unknown>)[name]
    if (typeof method !== 'function' || name === 'constructor') return []
    const source = /_makeRequest\('([A-Z]+)', (?:'([^']+)'|`([^`]+)`)/.exec(method.toString())
    if (source === null) return []
    const [, verb, plain, template] = source
    const shape = plain ?? (template as string).replace(/\$\{encodeURIComponent\(\w+\)\}/g, '{}')
    return [
      {
        name: `${path}.${name}`,
        ids: shape.split('{}').length - 1,
        call: (...args: readonly unknown[]) =>
          (method as (...a: unknown[]) => unknown).apply(resource, [...args]),
        sends: `${verb} ${shape}`,
      },
    ]
  })
}
