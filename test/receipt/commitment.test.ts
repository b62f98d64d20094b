import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hex, portableCrypto, utf8 } from '../../src/canon/index.js'
import {
  commitment,
  type DecisionInputs,
  encodeInputs,
  encodeSideRecord,
  fieldKey,
  openInputs,
} from '../../src/receipt/index.js'

const secret = randomBytes(32)

test('a commitment is HMAC under a key per attempt and field', () => {
  const ofField = createHmac('sha256', secret).update('target').digest()
  const byHand = createHmac('sha256', ofField).update('/graphql/v2').digest('hex')
  assert.equal(commitment(portableCrypto, secret, 'target', utf8('/graphql/v2')), byHand)
})

test('one field can be disclosed without the others', () => {
  const value = utf8('/graphql/v2')
  const disclosed = fieldKey(portableCrypto, secret, 'target')
  const opened = hex(portableCrypto.hmacSha256(disclosed, value))
  assert.equal(opened, commitment(portableCrypto, secret, 'target', value))
  assert.notEqual(hex(disclosed), hex(fieldKey(portableCrypto, secret, 'body')))
})

test('the same value under another field or another secret commits to something else', () => {
  const value = utf8('v-91')
  const all = [
    commitment(portableCrypto, secret, 'target', value),
    commitment(portableCrypto, secret, 'body', value),
    commitment(portableCrypto, secret, 'ops.0', value),
    commitment(portableCrypto, secret, 'ops.1', value),
    commitment(portableCrypto, randomBytes(32), 'target', value),
  ]
  assert.equal(new Set(all).size, all.length)
})

const inputs: DecisionInputs = {
  v: 1,
  policy: `sha256:${'ab'.repeat(32)}`,
  target: '/graphql/v2',
  method: 'POST',
  api: 'railway',
  body: 'cd'.repeat(32),
  agent: { id: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' },
  authorization: null,
  operations: [{ name: 'volumeDelete', args: { volumeId: 'v-91', ratio: 0.5 } }],
  probe: null,
  counters: { 'small-refunds/coder/CS-17': 4200 },
  now: 1_790_000_000_000,
  last: 1_789_999_999_999,
}

test('a side record gives back the inputs and the secret that open the commitment', () => {
  const encoded = encodeInputs(inputs)
  const record = openInputs(encodeSideRecord(encoded, secret))
  assert.deepEqual(Buffer.from(record.secret), secret)
  assert.deepEqual(JSON.parse(JSON.stringify(record.inputs)), inputs)
  const again = commitment(portableCrypto, record.secret, 'inputs', encodeInputs(record.inputs))
  assert.equal(again, commitment(portableCrypto, secret, 'inputs', encoded))
})

test('attack: arguments that no strict reader of JSON would take back open all the same', () => {
  const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) })
  for (const args of [{ amount: 1e20 }, { amount: -(2 ** 53) }, nested(64)]) {
    const written = { ...inputs, operations: [{ name: 'pay', args }] } as DecisionInputs
    const record = openInputs(encodeSideRecord(encodeInputs(written), secret))
    assert.deepEqual(encodeInputs(record.inputs), encodeInputs(written))
  }
})

test('what people had agreed to goes with the inputs of what passed on it', () => {
  const agreed = { salt: 'ab'.repeat(32), args: [{ amount: 0.5 }], probes: [] }
  const record = openInputs(encodeSideRecord(encodeInputs({ ...inputs, agreed }), secret))
  assert.deepEqual(JSON.parse(JSON.stringify(record.inputs.agreed)), agreed)
})

test('a side record in any other form is refused', () => {
  const text = new TextDecoder().decode(encodeSideRecord(encodeInputs(inputs), secret))
  const spellings = [
    '',
    'null',
    `${text} `,
    text.replace('"v":1', '"v":2'),
    text.replace('"probe":null,', ''),
    text.replace('"api"', '"extra":1,"api"'),
    text.replace('"api"', '"agreed":{"args":[],"probes":[]},"api"'),
    text.replace('"api"', '"agreed":{"args":[],"probes":[],"salt":"00"},"api"'),
    text.replace(/"secret":"..../, '"secret":"'),
    text.replace(/}$/, ',"x":1}'),
  ]
  for (const spelling of spellings) {
    assert.notEqual(spelling, text)
    assert.throws(() => openInputs(utf8(spelling)), { code: 'inputs_malformed' })
  }
})
