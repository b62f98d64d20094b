import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { carryOver } from '../../src/keeper/index.js'
import type { Recovery } from '../../src/policy/index.js'
import { type Asked, House, ofType, onTheWire, operation, policyOf, REMIND } from './keeper-fixture.js'

/** A keeper that answered once under a limit and has stopped; its token and order were good. */
async function before(t: TestContext) {
  const house = await House.build(t)
  const { keeper } = await house.start()
  const client = await house.connect()
  const asked = await house.ask(client, operation(REMIND))
  assert.equal(asked.verdict.kind, 'forward')
  const order = house.order()
  assert.equal((await house.admin('POST', '/v1/grants', { order: onTheWire(order) })).status, 200)
  await keeper.stop()
  return { house, order }
}

function codeOf({ verdict }: Asked): string {
  return verdict.kind === 'refuse' ? verdict.code : verdict.kind
}

test('after a recovery every earlier grant is ended, and a new one works', async t => {
  const { house } = await before(t)
  const old = await house.token()
  await house.recover(2)
  house.aheadMs += 2_000
  await house.start()
  const client = await house.connect()
  assert.equal(
    codeOf(await house.ask(client, { presented: { slot: 'bearer', token: old } })),
    'grant_revoked',
  )
  house.forgetTokens()
  assert.equal(codeOf(await house.ask(client)), 'forward')
})

test('attack: an order that was signed before a recovery is not fulfilled after it', async t => {
  const { house, order } = await before(t)
  await house.recover(2)
  house.aheadMs += 2_000
  await house.start()
  const { status, body } = await house.admin('POST', '/v1/grants', { order: onTheWire(order) })
  assert.deepEqual([status, body.code], [403, 'grant_order_outdated'])
  assert.equal((await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })).status, 200)
})

test('after a recovery a limit is used up until its window has passed, and then counts again', async t => {
  const { house } = await before(t)
  await house.recover(2)
  house.aheadMs += 2_000
  const { ledger } = await house.start()
  const client = await house.connect()
  house.forgetTokens()
  assert.equal(codeOf(await house.ask(client, operation(REMIND))), 'over_limit')
  house.aheadMs += 3_600_000
  house.forgetTokens()
  for (let i = 0; i < 3; i++) assert.equal(codeOf(await house.ask(client, operation(REMIND))), 'forward')
  assert.equal(codeOf(await house.ask(client, operation(REMIND))), 'over_limit')
  assert.equal(ledger.chain, 'acme.test/countersign/edge/2')
})

test('attack: after a recovery no policy below the highest that the signers knew of is activated', async t => {
  const { house } = await before(t)
  await house.recover(2, { policy: { version: 3, cid: `sha256:${'ab'.repeat(32)}` } })
  const { keeper, ledger } = await house.start()
  assert.equal(keeper.activation.inForce(), null)
  house.shelf.put(policyOf(4))
  assert.equal(await keeper.activation.reload(), true)
  assert.deepEqual(
    (await ofType(ledger, 'policy')).map(({ data }) => [data.action, data.version]),
    [
      ['refused', 0],
      ['activated', 4],
    ],
  )
})

test('a recovery ends what it can’t know and keeps everything else that is written down', () => {
  const recovery = { t: 5_000, policy: { version: 2, cid: 'sha256:22' } } as Recovery
  const states: [string, string][] = [
    ['approval/a', '{}'],
    ['grant-nonce/n', '9'],
    ['grant/g', '{}'],
    ['halt/agent/coder', '{"by":"maria"}'],
    ['limit/r/coder/1', '{}'],
    ['policy/highest', '{"version":7,"cid":"sha256:77"}'],
    ['recovered', '{"t":1}'],
    ['signature/ab', '9'],
  ]
  assert.deepEqual(Object.fromEntries(carryOver(states, recovery).map(({ key, value }) => [key, value])), {
    'grant-nonce/n': '9',
    'halt/agent/coder': '{"by":"maria"}',
    'policy/highest': '{"version":7,"cid":"sha256:77"}',
    recovered: '{"t":5000}',
  })
})
