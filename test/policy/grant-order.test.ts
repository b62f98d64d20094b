import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeEnvelope, PAYLOAD_TYPES, portableCrypto } from '../../src/canon/index.js'
import { openGrantOrder, type SignedGrantOrder, sealGrantOrder } from '../../src/policy/index.js'
import { keyNamed, NOW, signedAnyhow, trustRoot } from './trust-fixture.js'

const ORIGIN = 'acme.example/countersign/staging-1'
const order: SignedGrantOrder = {
  v: 1,
  origin: ORIGIN,
  agent: 'coder',
  environment: 'staging',
  task: 'fix-login',
  owner: 'maria',
  slot: 'bearer',
  ttlSeconds: 3_600,
  t: NOW,
  nonce: '0192f0c1-7b2a-7e44-9d55-0a1b2c3d4e5f',
}

function open(bytes: Uint8Array, nowMs = NOW, origin = ORIGIN): SignedGrantOrder {
  return openGrantOrder(bytes, { trust: trustRoot(), crypto: portableCrypto, origin, nowMs })
}

test('an order by the enrol role opens and hands its nonce to the caller', () => {
  const opened = open(encodeEnvelope(sealGrantOrder(order, keyNamed('enrol'))))
  assert.deepEqual({ ...opened }, order)
})

test('an order may name the grant that it renews', () => {
  const renewal = { ...order, renews: '5b8c2f0e-7b2a-4e44-9d55-0a1b2c3d4e5f' }
  assert.deepEqual({ ...open(encodeEnvelope(sealGrantOrder(renewal, keyNamed('enrol')))) }, renewal)
})

test('an order is good for a minute, either way, and not a millisecond longer', () => {
  const sealed = encodeEnvelope(sealGrantOrder(order, keyNamed('enrol')))
  for (const nowMs of [NOW - 60_000, NOW + 60_000]) assert.equal(open(sealed, nowMs).nonce, order.nonce)
  for (const nowMs of [NOW - 60_001, NOW + 60_001]) {
    assert.throws(() => open(sealed, nowMs), { code: 'grant_order_stale' })
  }
})

test('ATTACK: an agent that reached the socket orders a grant with a key of its own → signing_key_unknown', () => {
  const sealed = encodeEnvelope(sealGrantOrder(order, keyNamed('mallory')))
  assert.throws(() => open(sealed), { code: 'signing_key_unknown' })
})

test('ATTACK: an order for one sidecar taken to another → grant_order_elsewhere', () => {
  const sealed = encodeEnvelope(sealGrantOrder(order, keyNamed('enrol')))
  assert.throws(() => open(sealed, NOW, 'acme.example/countersign/production'), {
    code: 'grant_order_elsewhere',
  })
})

test('ATTACK: an order whose agent was changed after signing → signature_invalid', () => {
  const sealed = sealGrantOrder(order, keyNamed('enrol'))
  const { payload } = sealGrantOrder({ ...order, agent: 'admin' }, keyNamed('enrol'))
  assert.throws(() => open(encodeEnvelope({ ...sealed, payload })), { code: 'signature_invalid' })
})

const malformed: readonly { flaw: string; change: Record<string, unknown> }[] = [
  { flaw: 'more than an hour', change: { ttlSeconds: 3_601 } },
  { flaw: 'no time to live', change: { ttlSeconds: 0 } },
  { flaw: 'an unknown slot', change: { slot: 'cookie' } },
  { flaw: 'an unknown member', change: { admin: true } },
  { flaw: 'a control character in the task', change: { task: 'a\u001b[2Jb' } },
  { flaw: 'a nonce too short to be unique', change: { nonce: '1' } },
  { flaw: 'no owner', change: { owner: '' } },
  { flaw: 'an empty name of what it renews', change: { renews: '' } },
]

for (const { flaw, change } of malformed) {
  test(`an order with ${flaw} is neither sealed nor opened`, () => {
    const flawed = { ...order, ...change } as SignedGrantOrder
    assert.throws(() => sealGrantOrder(flawed, keyNamed('enrol')), { code: 'grant_order_malformed' })
    const signed = signedAnyhow(flawed, ['enrol'], PAYLOAD_TYPES.grantOrder)
    assert.throws(() => open(encodeEnvelope(signed)), { code: 'grant_order_malformed' })
  })
}
