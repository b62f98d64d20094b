import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EvidenceFollowers } from '../../src/keeper/index.js'
import type { EvidenceLag } from '../../src/policy/index.js'
import { House, ofType, operation, policyOf, REMIND } from './keeper-fixture.js'

const BOUND = 'evidence: { maxUnwitnessed: { entries: 100, seconds: 60 }, maxUnshipped: { entries: 100 } }'
const UP_TO_DATE = { entries: 0, seconds: 0 }

/** A keeper under a policy with bounds; the test says how far its followers are behind. */
async function bounded(house: House, lags: { witnesses: EvidenceLag | null; shipping: EvidenceLag | null }) {
  house.shelf.next = policyOf(1, BOUND)
  const followers: EvidenceFollowers = {
    witnesses: { lag: () => lags.witnesses },
    shipping: { lag: () => lags.shipping },
  }
  return house.start({ followers })
}

describe('evidence that falls behind', () => {
  it('lets requests pass up to its bounds', async t => {
    const house = await House.build(t)
    await bounded(house, {
      witnesses: { entries: 100, seconds: 60 },
      shipping: { entries: 100, seconds: 999 },
    })
    const { verdict } = await house.ask(await house.connect())
    assert.equal(verdict.kind, 'forward')
  })

  const beyond: Record<string, readonly [EvidenceLag | null, EvidenceLag | null, string]> = {
    'witnesses too many entries behind': [{ entries: 101, seconds: 0 }, UP_TO_DATE, 'evidence_unwitnessed'],
    'witnesses too long behind': [{ entries: 1, seconds: 61 }, UP_TO_DATE, 'evidence_unwitnessed'],
    'witnesses of whom nothing is known': [null, UP_TO_DATE, 'evidence_unwitnessed'],
    'receipts that don’t leave the host': [UP_TO_DATE, { entries: 101, seconds: 0 }, 'evidence_unshipped'],
    'shipping of which nothing is known': [UP_TO_DATE, null, 'evidence_unshipped'],
  }
  for (const [what, [witnesses, shipping, code]] of Object.entries(beyond))
    it(`denies every new request under ${what}, records it and mints nothing`, async t => {
      const house = await House.build(t)
      const { ledger } = await bounded(house, { witnesses, shipping })
      const client = await house.connect()
      for (const call of [{}, operation(REMIND), operation('POST /invoices/{id}/void')]) {
        const { verdict } = await house.ask(client, call)
        assert.equal(verdict.kind === 'refuse' && verdict.code, code)
        assert.equal(verdict.kind === 'refuse' && verdict.retryAfterMs, 10_000)
      }
      const attempts = await ofType(ledger, 'attempt')
      assert.deepEqual(
        attempts.map(({ decision }) => decision),
        Array(3).fill({ effect: 'deny', code, rule: null }),
      )
      assert.deepEqual(house.broker.minted, [])
    })

  it('leaves a denial of the policy its own reason', async t => {
    const house = await House.build(t)
    await bounded(house, { witnesses: null, shipping: null })
    const { verdict } = await house.ask(await house.connect(), operation('DELETE /invoices/{id}'))
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'denied_by_rule')
  })

  it('admits again as soon as the evidence has caught up', async t => {
    const house = await House.build(t)
    const lags = { witnesses: null as EvidenceLag | null, shipping: UP_TO_DATE }
    await bounded(house, lags)
    const client = await house.connect()
    assert.equal((await house.ask(client)).verdict.kind, 'refuse')
    lags.witnesses = UP_TO_DATE
    assert.equal((await house.ask(client)).verdict.kind, 'forward')
  })

  it('attack: a configuration without witnesses does not lift a bound that signers set', async t => {
    const house = await House.build(t)
    house.shelf.next = policyOf(1, BOUND)
    await house.start()
    const { verdict } = await house.ask(await house.connect())
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'evidence_unwitnessed')
  })

  it('stops nothing where the policy sets no bound', async t => {
    const house = await House.build(t)
    await house.start({ followers: { witnesses: { lag: () => null }, shipping: { lag: () => null } } })
    const { verdict } = await house.ask(await house.connect())
    assert.equal(verdict.kind, 'forward')
  })
})
