import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { canonicalBytes, equalBytes, parseStrictJson } from '../../src/canon/index.js'
import {
  type Header,
  type OperationClass,
  type OperationSpec,
  parseTarget,
  type Target,
} from '../../src/protocol/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import {
  FORM,
  operationIn,
  recognisedIn,
  refusalOf,
  request,
  shippedCatalog,
  shippedPath,
} from './requests.js'

const stripe = shippedCatalog('stripe')
const specs = new Map(stripe.operations().map(spec => [spec.name, spec]))
const classesOf = (name: string) => (specs.get(name) as OperationSpec).classes
const OPERATIONS = 'apidata/stripe-operations.json'
const CAPTURED = 'apidata/captured-requests.json'

interface ReferenceOperation {
  readonly m: string
  readonly p: string
  readonly c: string
  readonly st: 'ga' | 'preview' | 'legacy'
  readonly params?: readonly string[]
}

const reference = (): readonly ReferenceOperation[] =>
  (JSON.parse(readFileSync(sharedData(OPERATIONS) as string, 'utf8')) as { operations: ReferenceOperation[] })
    .operations

/** Any of these is at least as severe: what is unknown is never allowed. */
const AT_LEAST: Readonly<Record<string, readonly OperationClass[]>> = {
  destructive: ['destructive', 'irreversible', 'unknown'],
  irreversible: ['irreversible', 'unknown'],
  billing: ['billing', 'unknown'],
  privilege: ['privilege', 'unknown'],
  opaque: ['opaque', 'unknown'],
}

/** A request to the path, parameters filled in. */
const sample = (operation: ReferenceOperation) =>
  operationIn(stripe, request(operation.m, operation.p.replace(/\{[^}]*\}/g, 'id_1')))

describe('the Stripe catalog', () => {
  it('is canonical, so that the digest of its file is the id that a policy pins', () => {
    const bytes = new Uint8Array(readFileSync(shippedPath('stripe')))
    assert.ok(equalBytes(canonicalBytes(parseStrictJson(bytes)), bytes))
  })

  it('knows every documented and every legacy operation by its own name', needsSharedData(OPERATIONS), () => {
    const known = reference().filter(({ st }) => st !== 'preview')
    assert.ok(known.length > 700)
    assert.deepEqual(
      known.map(({ m, p }) => `${m} ${p}`).filter(name => !specs.has(name)),
      [],
    )
    for (const operation of known) assert.equal(sample(operation).name, `${operation.m} ${operation.p}`)
  })

  it('takes no operation for less severe than the reference does', needsSharedData(OPERATIONS), () => {
    const graver = reference().filter(({ c }) => Object.hasOwn(AT_LEAST, c))
    assert.ok(graver.length > 200)
    const milder = graver.filter(operation => {
      const { classes } = sample(operation)
      return !AT_LEAST[operation.c]?.some(name => classes.includes(name))
    })
    assert.deepEqual(milder, [])
  })

  it('attack: a parameter that only the server knows (_stripe_account, key) makes the operation opaque', () => {
    const refund = (body: string) =>
      operationIn(stripe, request('POST', '/v1/refunds', { headers: [FORM], body }))
    assert.ok(!refund('amount=10&charge=ch_1&metadata[any]=x').classes.includes('opaque'))
    for (const extra of ['_stripe_account=acct_9', 'key=sk_live_1', 'metadata[any]=x&a.mount=9'])
      assert.ok(refund(`amount=10&charge=ch_1&${extra}`).classes.includes('opaque'), extra)
    const read = operationIn(stripe, request('GET', '/v1/charges?limit=3&_stripe_account=acct_9'))
    assert.deepEqual(read.classes, ['opaque', 'read'])
  })

  it('calls nothing a read that isn’t a GET, except computations', () => {
    const reads = stripe
      .operations()
      .filter(({ name, classes }) => classes.includes('read') && !name.startsWith('GET '))
    assert.deepEqual(reads.map(({ name }) => name).sort(), [
      'POST /v1/invoices/create_preview',
      'POST /v1/radar/payment_evaluations',
      'POST /v1/tax/calculations',
      'POST /v2/core/event_destinations/{id}/ping',
    ])
  })

  it('lets no DELETE pass for harmless', () => {
    for (const { name, classes } of stripe.operations())
      if (name.startsWith('DELETE '))
        assert.ok(classes.includes('destructive') || classes.includes('irreversible'), name)
  })

  it('knows the parameters of every operation that the reference lists', needsSharedData(OPERATIONS), () => {
    const missing = reference().flatMap(({ m, p, params = [] }) => {
      const args = specs.get(`${m} ${p}`)?.args as { fields: Record<string, unknown> } | undefined
      return args === undefined
        ? []
        : params.filter(name => !(name in args.fields)).map(name => `${m} ${p} ${name}`)
    })
    // `payment_method_types` is listed in an older document only.
    assert.ok(
      missing.every(line => line.endsWith(' payment_method_types')),
      missing.join('\n'),
    )
  })

  it('gives refunds one effect, whatever they are called', () => {
    for (const target of [
      '/v1/refunds',
      '/v1/charges/ch_1/refund',
      '/v1/charges/ch_1/refunds',
      '/v1/credit_notes',
    ])
      assert.deepEqual(operationIn(stripe, request('POST', target)).effects, ['refund'], target)
    assert.deepEqual(classesOf('POST /v1/refunds'), ['billing', 'irreversible'])
  })

  it('types a refund’s amount, so that a limit can sum it, on the legacy path too', () => {
    for (const target of ['/v1/refunds', '/v1/charges/ch_1/refund'])
      assert.equal(
        operationIn(stripe, request('POST', target, { headers: [FORM], body: 'amount=4200' })).args.amount,
        4200,
      )
  })

  it('names what a request acts on in Stripe’s words', () => {
    const body = 'customer=cus_1&payment_intent=pi_1'
    const refund = operationIn(stripe, request('POST', '/v1/refunds', { headers: [FORM], body }))
    assert.deepEqual(refund.resources, [
      { type: 'customer', id: 'cus_1' },
      { type: 'payment_intent', id: 'pi_1' },
    ])
    const cancel = operationIn(stripe, request('DELETE', '/v1/subscriptions/sub_1'))
    assert.deepEqual(cancel.resources, [{ type: 'subscription', id: 'sub_1' }])
    assert.equal(cancel.scope.subscription, 'sub_1')
    const session = operationIn(stripe, request('POST', '/v1/checkout/sessions/cs_1/expire'))
    assert.deepEqual(session.resources, [{ type: 'checkout.session', id: 'cs_1' }])
  })

  it('takes a bank’s account for no Stripe account', () => {
    const headers: Header[] = [['stripe-account', 'acct_2']]
    const { scope } = operationIn(
      stripe,
      request('GET', '/v1/financial_connections/accounts/fca_1', { headers }),
    )
    assert.deepEqual({ ...scope }, { bank_account: 'fca_1', account: 'acct_2' })
    const other = request('GET', '/v2/core/accounts/acct_1', { headers: [['stripe-context', 'acct_2']] })
    assert.equal(refusalOf(stripe, other), 'account_invalid')
  })

  it('raises classes by arguments', () => {
    const classes = (method: string, target: string, body?: string) =>
      operationIn(stripe, request(method, target, body === undefined ? {} : { headers: [FORM], body }))
        .classes
    assert.deepEqual(classes('POST', '/v1/customers/cus_1', 'name=x'), ['update'])
    assert.deepEqual(classes('POST', '/v1/customers/cus_1', 'balance=-500'), ['billing', 'update'])
    assert.ok(classes('POST', '/v1/subscriptions/sub_1', 'cancel_at_period_end=true').includes('destructive'))
    assert.ok(classes('POST', '/v1/subscriptions/sub_1', 'cancel_at_period_end=True').includes('destructive'))
    assert.ok(
      !classes('POST', '/v1/subscriptions/sub_1', 'cancel_at_period_end=false').includes('destructive'),
    )
    assert.ok(
      classes('POST', '/v1/subscriptions/sub_1', 'items[0][id]=si_1&items[0][deleted]=true').includes(
        'destructive',
      ),
    )
    assert.deepEqual(classes('GET', '/v1/issuing/cards/ic_1?expand[]=number'), ['read', 'sensitive_read'])
    assert.ok(classes('POST', '/v1/disputes/dp_1', 'evidence[x]=y').includes('irreversible'))
    assert.ok(!classes('POST', '/v1/disputes/dp_1', 'submit=false').includes('irreversible'))
  })

  it('sends uploads, quote PDFs, OAuth and metering to their own hosts', () => {
    const originOf = (method: string, target: string) =>
      stripe.profile.origins[
        stripe.originOf({ method, target: parseTarget(target) as Target, headers: [] }, [])
      ]
    assert.equal(originOf('POST', '/v1/files'), 'https://files.stripe.com')
    assert.equal(originOf('GET', '/v1/files'), 'https://api.stripe.com')
    assert.equal(originOf('GET', '/v1/quotes/qt_1/pdf'), 'https://files.stripe.com')
    assert.equal(originOf('POST', '/oauth/token'), 'https://connect.stripe.com')
    assert.equal(originOf('POST', '/v2/billing/meter_event_stream'), 'https://meter-events.stripe.com')
    assert.equal(originOf('GET', '/v1/customers'), 'https://api.stripe.com')
  })

  it('takes an id that climbs out of its segment for what it is', () => {
    for (const target of ['/v1/customers/..%2Frefunds', '/v1/customers/x%2F..%2F..%2Faccount'])
      assert.equal(refusalOf(stripe, request('GET', target)), 'target_dot_segment')
    assert.equal(refusalOf(stripe, request('GET', '/v1/customers/cus_1%2Fsources')), 'target_encoded_slash')
  })

  it('recognises what stripe-node really sent', needsSharedData(CAPTURED), () => {
    interface Captured {
      readonly client: string
      readonly method: string
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
    }
    const captured = (JSON.parse(readFileSync(sharedData(CAPTURED) as string, 'utf8')) as Captured[]).filter(
      ({ client }) => client.startsWith('stripe'),
    )
    const names = captured.map(({ method, url, headers, body }) => {
      const list = Object.entries(headers).map(([name, value]): Header => [name, value])
      return recognisedIn(stripe, request(method, url, { headers: list, body })).name
    })
    assert.deepEqual(names, [
      'POST /v1/customers/{customer}',
      'DELETE /v1/subscriptions/{subscription_exposed_id}',
      'GET /v1/customers/search',
      'POST /v1/files',
      'POST /v1/ephemeral_keys',
    ])
  })
})
