import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentId, encodeEnvelope, PAYLOAD_TYPES, portableCrypto } from '../../src/canon/index.js'
import {
  type Enrolment,
  openEnrolment,
  openPastEnrolment,
  sealEnrolment,
  type TrustRoot,
} from '../../src/policy/index.js'
import { keyNamed, NOW, signedAnyhow, trustRoot, written } from './trust-fixture.js'

const enrolment: Enrolment = {
  v: 1,
  origin: 'acme.example/countersign/staging-1',
  keys: { receipt: written('receipt'), checkpoint: written('checkpoint'), grant: written('grant') },
  notBefore: '2026-11-01T00:00:00Z',
  notAfter: '2026-12-01T00:00:00Z',
}
const ENROL = keyNamed('enrol')

function open(bytes: Uint8Array, nowMs = NOW, trust = trustRoot()): Enrolment {
  return openEnrolment(bytes, trust, { crypto: portableCrypto, nowMs })
}

test('an enrolment by the enrol role opens within its times', () => {
  const sealed = encodeEnvelope(sealEnrolment(enrolment, [ENROL]))
  assert.equal(open(sealed).origin, enrolment.origin)
  assert.equal(open(sealed, Date.parse(enrolment.notBefore)).keys.grant, enrolment.keys.grant)
})

test('an enrolment does not open before or after its times', () => {
  const sealed = encodeEnvelope(sealEnrolment(enrolment, [ENROL]))
  for (const nowMs of [Date.parse(enrolment.notBefore) - 1, Date.parse(enrolment.notAfter)]) {
    assert.throws(() => open(sealed, nowMs), { code: 'enrolment_not_current' })
  }
})

test('ATTACK: an instance that enrols itself with its receipt key → signing_key_unknown', () => {
  const sealed = sealEnrolment(enrolment, [keyNamed('receipt')])
  assert.throws(() => open(encodeEnvelope(sealed)), { code: 'signing_key_unknown' })
})

test('ATTACK: an enrolment signed by policy keys → signing_key_unknown', () => {
  const sealed = sealEnrolment(enrolment, [keyNamed('p1'), keyNamed('p2')])
  assert.throws(() => open(encodeEnvelope(sealed)), { code: 'signing_key_unknown' })
})

test('ATTACK: a grant order passed off as an enrolment → payload_type_wrong', () => {
  const other = signedAnyhow(enrolment, ['enrol'], PAYLOAD_TYPES.grantOrder)
  assert.throws(() => open(encodeEnvelope(other)), { code: 'payload_type_wrong' })
})

test('an enrolment of a revoked key is refused', () => {
  const sealed = encodeEnvelope(sealEnrolment(enrolment, [ENROL]))
  const trust = trustRoot({ revoked: { keys: [written('receipt')], ids: [] } })
  assert.throws(() => open(sealed, NOW, trust), { code: 'enrolled_key_revoked' })
})

const malformed: readonly { flaw: string; change: Record<string, unknown> }[] = [
  { flaw: 'an unknown member', change: { admin: true } },
  { flaw: 'no origin', change: { origin: undefined } },
  { flaw: 'an origin with an epoch', change: { origin: `${enrolment.origin}/2` } },
  {
    flaw: 'one key for grants and receipts',
    change: { keys: { ...enrolment.keys, grant: written('receipt') } },
  },
  { flaw: 'a day that is in no calendar', change: { notAfter: '2027-02-30T00:00:00Z' } },
  { flaw: 'a local time', change: { notAfter: '2027-02-01T00:00:00+01:00' } },
  { flaw: 'an end before its beginning', change: { notAfter: '2026-10-01T00:00:00Z' } },
]

for (const { flaw, change } of malformed) {
  test(`an enrolment with ${flaw} is neither sealed nor opened`, () => {
    const flawed = { ...enrolment, ...change } as Enrolment
    assert.throws(() => sealEnrolment(flawed, [ENROL]), { code: 'enrolment_malformed' })
    const signed = signedAnyhow(flawed, ['enrol'], PAYLOAD_TYPES.enrolment)
    assert.throws(() => open(encodeEnvelope(signed)), { code: 'enrolment_malformed' })
  })
}

const past = (bytes: Uint8Array, ...chain: readonly TrustRoot[]) =>
  openPastEnrolment(bytes, chain, portableCrypto)

test('an enrolment of the past opens by whatever version certified it, its own times and revoked keys left to the log', () => {
  const sealed = encodeEnvelope(sealEnrolment(enrolment, [ENROL]))
  const other = trustRoot({
    version: 2,
    keys: { ...trustRoot().keys, enrol: written('enrol2') },
    revoked: { keys: [written('receipt')], ids: [] },
  })
  assert.equal(past(sealed, trustRoot(), other).origin, enrolment.origin)
  assert.throws(() => open(sealed, NOW, other), { code: 'signing_key_unknown' })
  assert.throws(() => past(sealed, other), { code: 'signing_key_unknown' })
})

test('ATTACK: an enrolment that an older version accepts, of an enrol key or by an id that the newest revokes', () => {
  const envelope = sealEnrolment(enrolment, [ENROL])
  const sealed = encodeEnvelope(envelope)
  const keys = { ...trustRoot().keys, enrol: written('enrol2') }
  const byKey = trustRoot({ version: 2, keys, revoked: { keys: [written('enrol')], ids: [] } })
  assert.throws(() => past(sealed, trustRoot(), byKey), { code: 'signing_key_revoked' })
  const id = contentId(portableCrypto, envelope.payload)
  const byId = trustRoot({ version: 2, revoked: { keys: [], ids: [id] } })
  assert.throws(() => past(sealed, trustRoot(), byId), { code: 'content_revoked' })
})
