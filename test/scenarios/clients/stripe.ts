import assert from 'node:assert/strict'
import { test } from 'node:test'
import Stripe from 'stripe'
import { STRIPE_IDS } from '../../../src/sandbox/index.js'
import { outcomeOf, type Sidecar, single } from '../sidecar.js'
import { rejection, type Where } from '../surroundings.js'

/** The SDK as its users make it: defaults, and so two retries on the network. */
function client(sidecar: Sidecar, key: string): Stripe {
  return new Stripe(key, { ...sidecar.stripe })
}

/** Asks the stand-in itself, with a key that the sidecar keeps in its vault. */
function cloud(sidecar: Sidecar): Stripe {
  const { hostname, port } = new URL(sidecar.cloud.stripe)
  const key = sidecar.secrets.stripeKeys.find(each => each.permissions.subscriptions === 'read')?.secret ?? ''
  return new Stripe(key, { host: hostname, port, protocol: 'http' })
}

export function stripeSuite(where: Where): void {
  test('reads and writes what the policy admits, with keys that only the sidecar holds', async () => {
    const { sidecar } = where()
    const { token, jti } = await sidecar.grant()
    const stripe = client(sidecar, token)
    const { value: customer, attempts } = await sidecar.during(() =>
      stripe.customers.create({ email: 'crew@example.com', name: 'Crew' }),
    )
    const attempt = single(attempts)
    assert.equal(attempt.agent.grant, jti)
    assert.deepEqual(attempt.ops[0]?.name, 'POST /v1/customers')
    assert.equal(attempt.decision.rule, 'care-for-customers')
    assert.equal(attempt.credential?.minter, 'stripe-restricted-key')
    assert.equal((await outcomeOf(sidecar, attempt)).http, 200)
    assert.equal((await cloud(sidecar).customers.retrieve(customer.id)).id, customer.id)
    const page = await stripe.customers.list({ limit: 10 })
    assert.ok(page.data.some(({ id }) => id === customer.id))
  })

  test('shows the agent why a deletion is denied, after one attempt', async () => {
    const { sidecar } = where()
    const stripe = client(sidecar, (await sidecar.grant()).token)
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(stripe.customers.del(STRIPE_IDS.customer)),
    )
    const attempt = single(attempts)
    assert.match(
      error.message,
      /^DENIED by policy, nothing was executed\. DELETE \/v1\/customers\/\{customer\}/,
    )
    assert.match(error.message, new RegExp(`Receipt ${attempt.seq}\\.$`))
    assert.equal(attempt.decision.effect, 'deny')
    assert.ok((await cloud(sidecar).customers.retrieve(STRIPE_IDS.customer)).id)
  })

  test('shows a refund over the limit as HELD with the id of its approval', async () => {
    const { sidecar } = where()
    const stripe = client(sidecar, (await sidecar.grant()).token)
    const refund = { charge: STRIPE_IDS.charge, amount: 20_000, currency: 'eur' }
    const { value: error, attempts } = await sidecar.during(() => rejection(stripe.refunds.create(refund)))
    const attempt = single(attempts)
    assert.match(error.message, /^HELD, nothing was executed\. POST \/v1\/refunds/)
    assert.ok(attempt.approval)
    assert.ok(error.message.includes(attempt.approval))
    assert.equal((await cloud(sidecar).charges.retrieve(STRIPE_IDS.charge)).amount_refunded, 0)
  })

  test('reports a live key that the agent found as a foreign credential, and says nothing of it', async () => {
    const { sidecar } = where()
    const found = 'sk_live_51Qfoundinafile0000'
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(client(sidecar, found).customers.list()),
    )
    const attempt = single(attempts)
    assert.equal(attempt.decision.code, 'foreign_credential')
    assert.match(error.message, /^REFUSED, nothing was executed\./)
    assert.match(error.message, /credential/)
    assert.ok(!JSON.stringify([error, attempt]).includes(found))
    assert.ok(!sidecar.printed().includes(found))
  })

  test('is told that its grant was revoked, as an authentication error and without a retry', async () => {
    const { sidecar } = where()
    const { token, jti } = await sidecar.grant()
    const stripe = client(sidecar, token)
    await stripe.customers.list()
    await sidecar.revoke(jti)
    const { value: error, attempts } = await sidecar.during(() => rejection(stripe.customers.list()))
    single(attempts)
    assert.ok(error instanceof Stripe.errors.StripeAuthenticationError)
    assert.match(error.message, /^REFUSED, nothing was executed\. The grant was revoked\./)
  })
}
