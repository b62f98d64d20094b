import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type CountersignError,
  canonicalBytes,
  concat,
  type Envelope,
  encodeEnvelope,
  p256SignatureOfDer,
  portableCrypto,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type ApprovalStatement,
  type Countersignature,
  countersignaturePayload,
  hasCountedOn,
  isRpId,
  openCountersignature,
  passkeyChallenge,
  passkeyEnvelope,
} from '../../src/policy/index.js'
import { Authenticator, type TouchChanges } from './authenticator.js'

const T = 1_800_000_000_000
const STATEMENT: ApprovalStatement = {
  v: 1,
  origin: 'acme.test/countersign/edge',
  id: '01a3185c-5000-7000-8000-000000000000',
  agent: 'coder',
  environment: 'staging',
  task: 'CS-17',
  owner: 'anna@acme.test',
  policy: `sha256:${'ab'.repeat(32)}`,
  api: 'billing',
  operations: [{ name: 'POST /invoices/{id}/void', classes: ['irreversible'], scope: {}, resources: [] }],
  args_c: 'cd'.repeat(32),
}
const APPROVE: Countersignature = { v: 1, verdict: 'approve', statement: STATEMENT, t: T }
const maria = { es256: new Authenticator('es256'), ed25519: new Authenticator('ed25519') }

function opened(envelope: Envelope, by: Authenticator, crypto = nativeCrypto) {
  return openCountersignature(encodeEnvelope(envelope), {
    statement: STATEMENT,
    groups: [
      { name: 'finance', keys: { maria: { passkey: by.passkey } }, threshold: 1, expiresSeconds: 1_800 },
    ],
    crypto,
    nowMs: T,
  })
}

function codeOf(open: () => unknown): string {
  try {
    open()
    return 'opened'
  } catch (error) {
    return (error as CountersignError).code
  }
}

describe('a word that is signed by touching a passkey', () => {
  for (const [kind, authenticator] of Object.entries(maria))
    for (const [name, crypto] of Object.entries({ portable: portableCrypto, native: nativeCrypto }))
      it(`is its person’s, by ${kind} with ${name} crypto`, () => {
        const word = authenticator.countersign(APPROVE, { counter: 7 })
        const { by, groups, verdict, touch } = opened(word, authenticator, crypto)
        assert.deepEqual({ by, groups, verdict }, { by: 'maria', groups: ['finance'], verdict: 'approve' })
        assert.deepEqual(
          { counter: touch?.counter, origin: touch?.origin, passkey: touch?.passkey },
          { counter: 7, origin: 'http://localhost:7443', passkey: authenticator.passkey },
        )
      })

  it('may come from any page of a host behind https, where the policy names no origins', () => {
    const elsewhere = new Authenticator('es256', { rpId: 'console.acme.test' })
    for (const origin of ['https://console.acme.test', 'https://console.acme.test:8443']) {
      const word = elsewhere.countersign(APPROVE, { clientData: { origin } })
      assert.equal(opened(word, elsewhere).touch?.origin, origin)
    }
  })

  it('may come from each origin that the policy names', () => {
    const origins = ['http://localhost:8467', 'https://localhost:8443']
    const twice = new Authenticator('es256', { origins })
    for (const origin of origins)
      assert.equal(
        opened(twice.countersign(APPROVE, { clientData: { origin } }), twice).touch?.origin,
        origin,
      )
  })

  it('may have what browsers and authenticators add: other members, extensions, a backup', () => {
    const clientData = { other_keys_can_be_added_here: 'do not compare clientDataJSON against a template' }
    const more = { clientData, flags: 0x9d, extra: Buffer.from('a0', 'hex') }
    assert.equal(opened(maria.es256.countersign(APPROVE, more), maria.es256).by, 'maria')
  })
})

describe('attacks on words by passkeys', () => {
  const es256 = maria.es256
  const swapped = (change: Partial<Countersignature>): Envelope => {
    const assertion = es256.touch(passkeyChallenge(nativeCrypto, countersignaturePayload(APPROVE)))
    return passkeyEnvelope(countersignaturePayload({ ...APPROVE, ...change }), es256.passkey, assertion)
  }
  const CHANGED: Readonly<Record<string, Partial<Countersignature>>> = {
    'the verdict': { verdict: 'reject' },
    'the reason': { because: 'All is well.' },
    'the time': { t: T + 1 },
    'the statement': { statement: { ...STATEMENT, args_c: 'ce'.repeat(32) } },
  }
  for (const [what, change] of Object.entries(CHANGED))
    it(`attack: ${what} is changed after the touch`, () => {
      assert.equal(
        codeOf(() => opened(swapped(change), es256)),
        'passkey_challenge',
      )
    })

  const TOUCHED: Readonly<Record<string, readonly [changes: TouchChanges, code: string]>> = {
    'a touch that was asked for something else': [{ clientData: { challenge: 'AAAA' } }, 'passkey_challenge'],
    'a page of another host': [
      { clientData: { origin: 'https://localhost.evil.test' } },
      'passkey_elsewhere',
    ],
    'a page on another port of this machine': [
      { clientData: { origin: 'http://localhost:3000' } },
      'passkey_elsewhere',
    ],
    'the same port without the scheme that the policy names': [
      { clientData: { origin: 'https://localhost:7443' } },
      'passkey_elsewhere',
    ],
    'a page without https': [{ clientData: { origin: 'http://127.0.0.1:7443' } }, 'passkey_elsewhere'],
    'an origin that only begins well': [
      { clientData: { origin: 'http://localhost:7443@evil.test' } },
      'passkey_elsewhere',
    ],
    'the page in a frame': [{ clientData: { crossOrigin: true } }, 'passkey_elsewhere'],
    'a frame that is said to be none': [
      { clientData: { topOrigin: 'https://evil.test' } },
      'passkey_elsewhere',
    ],
    'a signature for another host': [{ rpId: 'evil.test' }, 'passkey_elsewhere'],
    'a touch by whoever was there': [{ flags: 0x01 }, 'passkey_unverified'],
    'a signature without a touch': [{ flags: 0x04 }, 'passkey_unverified'],
    'a registration instead of an answer': [{ clientData: { type: 'webauthn.create' } }, 'passkey_malformed'],
    'authenticator data with a credential in it': [{ flags: 0x45 }, 'passkey_malformed'],
    'bytes behind the authenticator data': [{ extra: Buffer.alloc(1) }, 'passkey_malformed'],
    'extensions that are not there': [{ flags: 0x85 }, 'passkey_malformed'],
    'a backup of what has none': [{ flags: 0x15 }, 'passkey_malformed'],
    'client data that is a list': [{ clientDataJSON: '["webauthn.get"]' }, 'passkey_malformed'],
    'client data that is null': [{ clientDataJSON: 'null' }, 'passkey_malformed'],
    'a member that stands twice': [
      { clientDataJSON: '{"type":"webauthn.get","type":"webauthn.get"}' },
      'json_duplicate_key',
    ],
    'another signature': [{ signature: () => Buffer.alloc(64, 1) }, 'signature_invalid'],
    'no signature': [{ signature: () => Buffer.from([0]) }, 'signature_invalid'],
    'a signature with something behind it': [
      { signature: made => concat(made, Buffer.alloc(1)) },
      'signature_invalid',
    ],
    'a signature of r and s alone': [
      { signature: made => p256SignatureOfDer(made) as Uint8Array },
      'signature_invalid',
    ],
  }
  for (const [title, [changes, code]] of Object.entries(TOUCHED))
    it(`attack: ${title} counts for nothing`, () => {
      assert.equal(
        codeOf(() => opened(es256.countersign(APPROVE, changes), es256)),
        code,
      )
    })

  it('attack: authenticator data ends in the middle', () => {
    const payload = countersignaturePayload(APPROVE)
    const assertion = es256.touch(passkeyChallenge(nativeCrypto, payload))
    const short = { ...assertion, authenticatorData: assertion.authenticatorData.subarray(0, 36) }
    assert.equal(
      codeOf(() => opened(passkeyEnvelope(payload, es256.passkey, short), es256)),
      'passkey_malformed',
    )
  })

  it('attack: another credential signs in this one’s name', () => {
    const other = new Authenticator('es256')
    const payload = countersignaturePayload(APPROVE)
    const assertion = other.touch(passkeyChallenge(nativeCrypto, payload))
    assert.equal(
      codeOf(() => opened(passkeyEnvelope(payload, es256.passkey, assertion), es256)),
      'signature_invalid',
    )
    assert.equal(
      codeOf(() => opened(other.countersign(APPROVE), es256)),
      'approver_unknown',
    )
  })

  it('attack: the key of a passkey signs without the page', () => {
    const payload = countersignaturePayload(APPROVE)
    const keyid = es256.countersign(APPROVE).signatures[0]?.keyid as string
    for (const sig of [Buffer.alloc(64, 1), canonicalBytes({ signature: 'AAAA' }), utf8('x'.repeat(4_096))])
      assert.notEqual(
        codeOf(() => opened({ ...payload, signatures: [{ keyid, sig }] }, es256)),
        'opened',
      )
  })

  it('attack: one envelope with the words of two', () => {
    const [signature] = es256.countersign(APPROVE).signatures as [Envelope['signatures'][number]]
    const both = { ...countersignaturePayload(APPROVE), signatures: [signature, signature] }
    assert.equal(
      codeOf(() => opened(both, es256)),
      'countersignature_malformed',
    )
  })
})

describe('what a passkey is', () => {
  it('counts on, or never counts', () => {
    assert.deepEqual(
      [hasCountedOn(0, undefined), hasCountedOn(9, undefined), hasCountedOn(0, 0), hasCountedOn(2, 1)],
      [true, true, true, true],
    )
    assert.deepEqual([hasCountedOn(1, 1), hasCountedOn(0, 1), hasCountedOn(1, 2)], [false, false, false])
  })

  it('belongs to localhost or to a host, never to an address', () => {
    for (const good of ['localhost', 'console.acme.test', 'a.b1.example']) assert.ok(isRpId(good), good)
    for (const bad of [
      '',
      'acme',
      '127.0.0.1',
      'Console.acme.test',
      'a..test',
      '-a.test',
      'acme.test:80',
      '::1',
    ])
      assert.ok(!isRpId(bad), bad)
  })
})
