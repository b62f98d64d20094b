import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { House, ofType, openedPolicy, operation, REMIND } from './keeper-fixture.js'

const DAY_MS = 86_400_000

/** A policy with one rule and a deny, whose agent observes until then. */
function observing(untilMs: number) {
  return openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 2, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "${REMIND}", class: update }
      - { route: "POST /invoices/{id}/void", class: irreversible }
      - { route: "DELETE /invoices/{id}", class: irreversible }
credentials:
  billing: { minter: jwt, audience: https://billing.acme.test }
agents:
  coder: { environment: staging, mode: observe, until: "${new Date(untilMs).toISOString()}" }
rules:
  - id: read-invoices
    allow: { api: billing, class: read }
    to: coder
`)
}

async function observingHouse(t: TestContext, untilMs: number) {
  const house = await House.build(t)
  house.shelf.next = observing(untilMs)
  return { house, ...(await house.start()) }
}

describe('an agent that observes', () => {
  it('passes with a receipt and a warning that say so, and with a credential', async t => {
    const { house, ledger } = await observingHouse(t, Date.now() + DAY_MS)
    const client = await house.connect()
    const { verdict, seq } = await house.ask(client, operation(REMIND))
    assert.ok(verdict.kind === 'forward')
    assert.equal(verdict.code, 'observed')
    assert.equal(house.broker.minted.length, 1)
    const [attempt] = await ofType(ledger, 'attempt')
    assert.deepEqual(attempt?.decision, { effect: 'allow', code: 'observed', rule: null })
    const said = house.logged.find(({ sentence }) => sentence.startsWith('passed only because'))
    assert.deepEqual(said?.facts, {
      code: 'observed',
      agent: 'coder',
      api: 'billing',
      operations: [REMIND],
      receipt: seq,
    })
  })

  it('is named when the policy comes into force, and in the status', async t => {
    const untilMs = Date.now() + DAY_MS
    const { house } = await observingHouse(t, untilMs)
    assert.ok(
      house.logged.some(
        ({ facts, sentence }) =>
          sentence.startsWith('an agent observes') && (facts as { agent: string }).agent === 'coder',
      ),
    )
    const { body } = await house.admin('GET', '/v1/status')
    assert.deepEqual((body.policy as JsonObject).observing, [{ agent: 'coder', untilMs }])
  })

  it('is enforced from `until` on, without a new policy', async t => {
    const { house } = await observingHouse(t, Date.now() + 1_800_000)
    const client = await house.connect()
    assert.equal((await house.ask(client, operation(REMIND))).verdict.kind, 'forward')
    house.aheadMs = 1_800_000
    const { verdict } = await house.ask(client, operation(REMIND))
    assert.ok(verdict.kind === 'refuse')
    assert.equal(verdict.code, 'no_matching_rule')
    const { body } = await house.admin('GET', '/v1/status')
    assert.deepEqual((body.policy as JsonObject).observing, [])
  })

  it('attack: what can’t be undone is denied all the while', async t => {
    const { house } = await observingHouse(t, Date.now() + DAY_MS)
    const client = await house.connect()
    const { verdict } = await house.ask(client, operation('POST /invoices/{id}/void'))
    assert.ok(verdict.kind === 'refuse')
    assert.equal(verdict.code, 'no_matching_rule')
    assert.equal(house.broker.minted.length, 0)
  })

  it('attack: a policy that observes for more than 14 days stays out', async t => {
    const { house, keeper, ledger } = await observingHouse(t, Date.now() + 15 * DAY_MS)
    assert.equal(keeper.activation.inForce(), null)
    assert.equal(keeper.activation.refusal()?.code, 'observe_too_long')
    const [refused] = await ofType(ledger, 'policy')
    assert.equal(refused?.data.code, 'observe_too_long')
    assert.equal((await house.connect()).policy(), null)
  })
})
