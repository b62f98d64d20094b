import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeEnvelope, PAYLOAD_TYPES, portableCrypto } from '../../src/canon/index.js'
import { openOperateOrder, type SignedOperateOrder, sealOperateOrder } from '../../src/policy/index.js'
import { keyNamed, NOW, signedAnyhow, trustRoot } from './trust-fixture.js'

const ORIGIN = 'acme.example/countersign/staging-1'
const order: SignedOperateOrder = {
  v: 1,
  origin: ORIGIN,
  action: 'erase',
  attempts: [17, 18],
  by: 'maria',
  because: 'ticket 77',
  t: NOW,
  nonce: '0192f0c1-7b2a-7e44-9d55-0a1b2c3d4e5f',
}

function open(bytes: Uint8Array, nowMs = NOW, origin = ORIGIN): SignedOperateOrder {
  return openOperateOrder(bytes, { trust: trustRoot(), crypto: portableCrypto, origin, nowMs })
}

test('an order by the operate role opens', () => {
  assert.deepEqual({ ...open(encodeEnvelope(sealOperateOrder(order, [keyNamed('operate')]))) }, order)
})

test('an order is good for a minute, either way, and not a millisecond longer', () => {
  const sealed = encodeEnvelope(sealOperateOrder(order, [keyNamed('operate')]))
  for (const nowMs of [NOW - 60_000, NOW + 60_000]) assert.equal(open(sealed, nowMs).nonce, order.nonce)
  for (const nowMs of [NOW - 60_001, NOW + 60_001])
    assert.throws(() => open(sealed, nowMs), { code: 'operate_order_stale' })
})

for (const [who, key, code] of [
  ['a key that nobody named', 'mallory', 'signing_key_unknown'],
  ['whoever issues grants', 'enrol', 'signing_key_unknown'],
] as const)
  test(`ATTACK: an order signed by ${who} → ${code}`, () => {
    assert.throws(() => open(encodeEnvelope(sealOperateOrder(order, [keyNamed(key)]))), { code })
  })

test('ATTACK: an order for one sidecar taken to another → operate_order_elsewhere', () => {
  const sealed = encodeEnvelope(sealOperateOrder(order, [keyNamed('operate')]))
  assert.throws(() => open(sealed, NOW, 'acme.example/countersign/production'), {
    code: 'operate_order_elsewhere',
  })
})

const malformed: readonly { flaw: string; change: Record<string, unknown> }[] = [
  { flaw: 'no attempt', change: { attempts: [] } },
  { flaw: 'an attempt twice', change: { attempts: [1, 1] } },
  { flaw: 'an action of its own', change: { action: 'drop' } },
  { flaw: 'no reason', change: { because: '' } },
  { flaw: 'a control character in the name', change: { by: 'a\u001b[2Jb' } },
  { flaw: 'an unknown member', change: { all: true } },
  { flaw: 'a nonce too short to be unique', change: { nonce: '1' } },
]

for (const { flaw, change } of malformed)
  test(`an order with ${flaw} is neither sealed nor opened`, () => {
    const flawed = { ...order, ...change } as SignedOperateOrder
    assert.throws(() => sealOperateOrder(flawed, [keyNamed('operate')]), { code: 'operate_order_malformed' })
    const signed = signedAnyhow(flawed, ['operate'], PAYLOAD_TYPES.operateOrder)
    assert.throws(() => open(encodeEnvelope(signed)), { code: 'operate_order_malformed' })
  })
