import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeEnvelope,
  fromUtf8,
  PAYLOAD_TYPES,
  portableCrypto,
  type SigningKey,
} from '../../src/canon/index.js'
import {
  type EnrolmentRequest,
  openEnrolmentRequest,
  sealEnrolment,
  sealEnrolmentRequest,
} from '../../src/policy/index.js'
import { keyNamed, NOW, signedAnyhow, written } from './trust-fixture.js'

const ORIGIN = 'acme.example/countersign/staging-1'
const keysNamed = (n: number) => ({
  receipt: written(`receipt${n}`),
  checkpoint: written(`checkpoint${n}`),
  grant: written(`grant${n}`),
})
const holding = (...versions: readonly number[]): SigningKey[] =>
  versions.flatMap(n => [keyNamed(`receipt${n}`), keyNamed(`checkpoint${n}`), keyNamed(`grant${n}`)])

const before = fromUtf8(
  encodeEnvelope(
    sealEnrolment(
      {
        v: 1,
        origin: ORIGIN,
        keys: keysNamed(1),
        notBefore: '2026-11-01T00:00:00Z',
        notAfter: '2027-11-01T00:00:00Z',
      },
      [keyNamed('enrol')],
    ),
  ),
)
const request: EnrolmentRequest = { v: 1, origin: ORIGIN, keys: keysNamed(2), replaces: before, t: NOW }

const open = (bytes: Uint8Array) => openEnrolmentRequest(bytes, portableCrypto)
const seal = (asked: EnrolmentRequest, keys: readonly SigningKey[]) =>
  sealEnrolmentRequest(asked, keys, portableCrypto)

test('a request that the old and the new keys have signed opens, and its id is that of its content', () => {
  const one = open(encodeEnvelope(seal(request, holding(1, 2))))
  assert.deepEqual({ ...one.request.keys }, keysNamed(2))
  const other = open(encodeEnvelope(seal(request, holding(2, 1))))
  assert.equal(other.id, one.id)
})

test('a key that stays signs once, and a first request has no old keys', () => {
  const kept = { ...request, keys: { ...keysNamed(2), grant: written('grant1') } }
  open(encodeEnvelope(seal(kept, [...holding(1), keyNamed('receipt2'), keyNamed('checkpoint2')])))
  open(encodeEnvelope(seal({ ...request, replaces: null }, holding(2))))
})

for (const missing of ['receipt1', 'checkpoint1', 'grant1', 'receipt2', 'checkpoint2', 'grant2']) {
  test(`ATTACK: a request without the signature of ${missing} → enrolment_request_unproven`, () => {
    const keys = holding(1, 2).filter(key => key.keyid !== keyNamed(missing).keyid)
    assert.throws(() => seal(request, keys), { code: 'enrolment_request_unproven' })
    const names = ['receipt1', 'checkpoint1', 'grant1', 'receipt2', 'checkpoint2', 'grant2']
    const anyhow = signedAnyhow(
      request,
      names.filter(name => name !== missing),
      PAYLOAD_TYPES.enrolmentRequest,
    )
    assert.throws(() => open(encodeEnvelope(anyhow)), { code: 'enrolment_request_unproven' })
  })
}

test('ATTACK: a request with a further signature, or with one that does not fit', () => {
  assert.throws(() => seal(request, [...holding(1, 2), keyNamed('enrol')]), { code: 'signing_key_unknown' })
  const envelope = seal(request, holding(1, 2))
  const [first, ...rest] = envelope.signatures
  assert.ok(first)
  const sig = Uint8Array.from(first.sig, (byte, index) => (index === 40 ? byte ^ 1 : byte))
  const broken = { ...envelope, signatures: [{ ...first, sig }, ...rest] }
  assert.throws(() => open(encodeEnvelope(broken)), { code: 'signature_invalid' })
})

const malformed: readonly { flaw: string; change: Partial<Record<keyof EnrolmentRequest, unknown>> }[] = [
  { flaw: 'another instance’s enrolment', change: { origin: 'acme.example/countersign/staging-2' } },
  { flaw: 'one key for two roles', change: { keys: { ...keysNamed(2), grant: written('receipt2') } } },
  {
    flaw: 'the old grant key as receipt key',
    change: { keys: { ...keysNamed(2), receipt: written('grant1') } },
  },
  { flaw: 'a time that is no number', change: { t: 'now' } },
  { flaw: 'an unknown member', change: { days: 3650 } as never },
]

for (const { flaw, change } of malformed) {
  test(`a request with ${flaw} is neither sealed nor opened`, () => {
    const asked = { ...request, ...change } as EnrolmentRequest
    assert.throws(() => seal(asked, holding(1, 2)), { code: 'enrolment_request_malformed' })
  })
}

test('a request that replaces no enrolment but something else is refused', () => {
  assert.throws(() => seal({ ...request, replaces: '{}' }, holding(1, 2)), { code: 'enrolment_malformed' })
})

test('ATTACK: an enrolment passed off as a request → payload_type_wrong', () => {
  assert.throws(() => open(Buffer.from(before)), { code: 'payload_type_wrong' })
})
