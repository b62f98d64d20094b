import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { Envelope, JsonObject } from '../../src/canon/index.js'
import { keeperErrors } from '../../src/keeper/index.js'
import { policyErrors } from '../../src/policy/index.js'
import { decodeEntry } from '../../src/receipt/index.js'
import { House, ofType, onTheWire, operation, signingKey } from './keeper-fixture.js'

describe('issuing grants', () => {
  it('takes an order signed by the enrol role; the grant is in the ledger before its token is out, and works', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const { status, body } = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    assert.equal(status, 200)
    const [issued] = await ofType(ledger, 'grant')
    assert.deepEqual(
      { action: issued?.data.action, jti: issued?.data.jti, task: issued?.data.task },
      { action: 'issued', jti: body.jti, task: 't-9' },
    )
    const client = await house.connect()
    const { verdict } = await house.ask(client, {
      presented: { slot: 'bearer', token: body.token as string },
    })
    assert.equal(verdict.kind, 'forward')
  })

  const refused: Record<string, (house: House) => JsonObject> = {
    'attack: by a key without the enrol role': house => onTheWire(house.order({}, signingKey())),
    'with a payload that was changed after signing': house => ({
      ...onTheWire(house.order()),
      payload: Buffer.from('{"agent":"root"}').toString('base64'),
    }),
    'for another sidecar': house => onTheWire(house.order({ origin: 'acme.test/countersign/other' })),
    'signed ten minutes ago': house => onTheWire(house.order({ t: Date.now() - 600_000 })),
    'for an agent that the policy doesn’t know': house => onTheWire(house.order({ agent: 'stranger' })),
    'for an agent that has another identity': house => onTheWire(house.order({ agent: 'pod' })),
    'for another environment': house => onTheWire(house.order({ environment: 'production' })),
    'for longer than an hour': house => onTheWire(house.order({ ttlSeconds: 7_200 })),
    'that is no envelope': () => ({ agent: 'coder' }),
  }
  for (const [what, order] of Object.entries(refused)) {
    it(`refuses an order ${what}, and writes no grant`, async t => {
      const house = await House.build(t)
      const { ledger } = await house.start()
      const { status, body } = await house.admin('POST', '/v1/grants', { order: order(house) })
      assert.ok(status >= 400, `${status}`)
      assert.equal(typeof body.code, 'string')
      assert.equal('token' in body, false)
      assert.deepEqual(await ofType(ledger, 'grant'), [])
    })
  }

  it('narrows a grant to the operations that its order names, and refuses an order that narrows by anything else', async t => {
    const house = await House.build(t)
    await house.start()
    const narrowed = async (detail: JsonObject) => {
      const order = onTheWire(house.order({ authorizationDetails: [{ type: 'countersign', ...detail }] }))
      return house.admin('POST', '/v1/grants', { order })
    }
    const { status, body } = await narrowed({ api: 'billing', operations: 'POST *' })
    assert.equal(status, 200)
    const presented = { slot: 'bearer', token: body.token as string } as const
    const { verdict } = await house.ask(await house.connect(), { presented })
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'outside_grant')
    const unknown = await narrowed({ amount: 5 })
    assert.deepEqual([unknown.status, unknown.body.code], [400, 'grant_order_malformed'])
  })

  it('attack: an order is fulfilled once, not twice at a time nor again after a restart', async t => {
    const house = await House.build(t)
    const first = await house.start()
    const order = onTheWire(house.order())
    const answers = await Promise.all([1, 2, 3].map(() => house.admin('POST', '/v1/grants', { order })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403, 403])
    await first.keeper.stop()
    await house.start()
    const { body } = await house.admin('POST', '/v1/grants', { order })
    assert.equal(body.code, 'grant_order_replayed')
  })

  it('attack: a clock that is set back makes no order fresh whose nonce is forgotten', async t => {
    const house = await House.build(t)
    await house.start()
    const issue = (order: Envelope) => house.admin('POST', '/v1/grants', { order: onTheWire(order) })
    const first = house.order()
    assert.equal((await issue(first)).status, 200)
    house.aheadMs = 3 * 60_000
    assert.equal((await issue(house.order())).status, 200)
    house.aheadMs = 0
    assert.equal((await issue(first)).body.code, 'grant_order_stale')
  })

  it('revokes from the next request on, also after a restart, and ends what was minted', async t => {
    const house = await House.build(t)
    const first = await house.start()
    const { body } = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    const presented = { slot: 'bearer', token: body.token as string } as const
    const client = await house.connect()
    assert.equal((await house.ask(client, { presented })).verdict.kind, 'forward')
    assert.equal((await house.admin('POST', `/v1/grants/${body.jti}/revoke`)).status, 200)
    const { verdict } = await house.ask(client, { presented })
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'grant_revoked')
    assert.deepEqual(house.broker.revoked, [{ agent: 'coder', task: 't-9' }])
    await client.close()
    await first.keeper.stop()
    await house.start()
    const again = await house.ask(await house.connect(), { presented })
    assert.equal(again.verdict.kind === 'refuse' && again.verdict.code, 'grant_revoked')
    assert.equal((await house.admin('POST', '/v1/grants/none/revoke')).body.code, 'grant_unknown')
  })
})

describe('the admin API', () => {
  it('is served on a socket that only its owner may open', async t => {
    const house = await House.build(t)
    await house.start()
    assert.equal((await stat(house.adminSocket)).mode & 0o777, 0o600)
  })

  it('shows status, policy, receipts, checkpoint and approvals', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    await house.ask(client, operation('POST /invoices/{id}/void'))
    const status = (await house.admin('GET', '/v1/status')).body
    assert.deepEqual(
      { gates: status.gates, approvals: status.approvals, chain: status.chain },
      { gates: 1, approvals: 1, chain: ledger.chain },
    )
    assert.equal(((await house.admin('GET', '/v1/policy')).body.policy as JsonObject).name, 'acme')
    const receipts = (await house.admin('GET', '/v1/receipts?from=1&limit=2')).body
    const entries = receipts.entries as { seq: number; entry: string }[]
    assert.deepEqual(
      entries.map(({ seq, entry }) => [seq, decodeEntry(Buffer.from(entry, 'base64')).seq]),
      [
        [1, 1],
        [2, 2],
      ],
    )
    const one = (await house.admin('GET', '/v1/receipts/0')).body
    assert.equal(decodeEntry(Buffer.from(one.entry as string, 'base64')).type, 'genesis')
    assert.match(
      (await house.admin('GET', '/v1/checkpoint')).body.checkpoint as string,
      /countersign\/edge\/1\n/,
    )
    const { approvals } = (await house.admin('GET', '/v1/approvals')).body
    const [approval] = approvals as { agent: string }[]
    assert.equal(approval?.agent, 'coder')
  })

  it('explains a receipt together with its outcome', async t => {
    const house = await House.build(t)
    await house.start()
    const client = await house.connect()
    const { seq } = await house.ask(client)
    await client.settle({
      attempt: seq as number,
      status: 'completed',
      http: 204,
      upstreamId: null,
      bodySha256: null,
      responseSha256: null,
      responseBytes: 0,
    })
    const { body } = await house.admin('GET', `/v1/why/${seq}`)
    assert.match(
      body.sentence as string,
      /agent coder asked for GET \/invoices\/\{id\}; decided allow by rule read-invoices/,
    )
    const outcome = body.outcome as JsonObject
    assert.equal(outcome.http, 204)
    const closed = (await house.admin('GET', `/v1/why/${outcome.seq}`)).body
    assert.match(closed.sentence as string, new RegExp(`^the outcome of receipt ${seq}: completed, HTTP 204`))
    assert.deepEqual([closed.attempt, closed.outcome], [body.entry, outcome])
  })

  it('answers mistakes with code, message and mend', async t => {
    const house = await House.build(t)
    await house.start()
    const errors = { ...keeperErrors, ...policyErrors }
    const mistakes: readonly [string, string, keyof typeof errors][] = [
      ['GET', '/v1/receipts/999999', 'receipt_unknown'],
      ['GET', '/v1/receipts/abc', 'admin_malformed'],
      ['GET', '/v1/nothing', 'admin_malformed'],
      ['GET', '/v1/why/999999', 'receipt_unknown'],
      ['POST', '/v1/grants', 'grant_order_malformed'],
    ]
    for (const [method, path, code] of mistakes) {
      const { status, body } = await house.admin(method, path, method === 'POST' ? {} : undefined)
      assert.equal(body.code, code, path)
      assert.equal(body.mend, errors[code].mend)
      assert.ok(status >= 400 && status < 500)
    }
  })
})
