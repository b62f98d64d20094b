import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pino } from 'pino'
import Stripe from 'stripe'
import { formatPublicKey } from '../../src/canon/index.js'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { startGate } from '../../src/gate/index.js'
import { House, ofType, openedPolicy, signingKey } from './keeper-fixture.js'

const POLICY = `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  stripe: { catalog: stripe, credential: stripe-test }
credentials:
  stripe-test: { minter: stripe-restricted-key, livemode: false }
agents:
  coder: { environment: staging }
approvers:
  finance: { keys: { maria: "${formatPublicKey(signingKey(Buffer.alloc(32, 7)).publicKey)}" } }
rules:
  - id: finance-refunds
    hold: { api: stripe, effect: refund }
    to: [coder]
    approvers: finance
    because: Money leaves the house.
`

it('the unmodified stripe package repeats a held call, under new idempotency keys, into the same approval', async t => {
  const house = await House.build(t)
  house.shelf.next = openedPolicy(POLICY, loadShippedCatalogs())
  const { ledger } = await house.start()
  const gate = await startGate({
    listen: '127.0.0.1:0',
    ports: { stripe: '127.0.0.1:0' },
    keeper: await house.connect(),
    logger: pino({ level: 'silent' }),
  })
  t.after(() => gate.close())
  const { hostname, port } = new URL(gate.addresses().ports.stripe as string)
  const stripe = new Stripe(await house.token(), { host: hostname, port, protocol: 'http' })
  const refund = () => stripe.refunds.create({ charge: 'ch_1', amount: 500 })
  for (let time = 0; time < 2; time++)
    await assert.rejects(refund(), (error: Error) => /^HELD, nothing was executed/.test(error.message))
  await assert.rejects(stripe.refunds.create({ charge: 'ch_1', amount: 501 }), /HELD/)

  const attempts = await ofType(ledger, 'attempt')
  assert.equal(attempts.length, 3, 'the package repeated nothing by itself')
  const [first, second, changed] = attempts.map(({ approval }) => approval)
  assert.equal(first, second)
  assert.notEqual(changed, first, 'another amount is another request')
  assert.equal((await ofType(ledger, 'approval')).length, 2)
})
