import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  canonicalize,
  type Envelope,
  encodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  portableCrypto,
  utf8,
} from '../../src/canon/index.js'
import {
  addSignature,
  type OpenPolicyOptions,
  openPolicy,
  sealPolicy,
  type TrustRoot,
} from '../../src/policy/index.js'
import { compiled, keyNamed, NOW, signedAnyhow, trustRoot, written } from './trust-fixture.js'

const P1 = keyNamed('p1')
const P2 = keyNamed('p2')
const P3 = keyNamed('p3')

function options(change: Partial<OpenPolicyOptions> = {}): OpenPolicyOptions {
  return {
    crypto: portableCrypto,
    trust: trustRoot(),
    audience: 'staging',
    nowMs: NOW,
    highest: null,
    ...change,
  }
}

function open(envelope: Envelope, change: Partial<OpenPolicyOptions> = {}) {
  return openPolicy(encodeEnvelope(envelope), options(change))
}

const sealed = () => sealPolicy(compiled(), [P1, P2])
const cidOf = (payload: JsonObject) => open(sealPolicy(payload, [P1, P2])).cid

test('a policy sealed by enough keys opens, and a signature added later keeps its content id', () => {
  const { cid, payload } = open(sealed())
  assert.equal(canonicalize(payload), canonicalize(compiled()))
  assert.match(cid, /^sha256:[0-9a-f]{64}$/)
  assert.equal(open(addSignature(sealed(), P3)).cid, cid)
})

test('signatures of several holders are added one after the other, each once', () => {
  const both = addSignature(addSignature(sealPolicy(compiled(), [P1]), P2), P2)
  assert.equal(both.signatures.length, 2)
  assert.equal(open(both).payload.version, 7)
})

const revokedP3: TrustRoot = trustRoot({
  keys: Object.fromEntries(Object.entries(trustRoot().keys).filter(([name]) => name !== 'p3')),
  roles: { ...trustRoot().roles, policy: { keys: ['p1', 'p2'], threshold: 2 } },
  revoked: { keys: [written('p3')], ids: [] },
})

interface Refusal {
  readonly attack: string
  readonly code: string
  readonly envelope: () => Envelope
  readonly against?: () => Partial<OpenPolicyOptions>
}

const refusals: readonly Refusal[] = [
  { attack: 'no signature at all', code: 'signatures_short', envelope: () => sealPolicy(compiled(), []) },
  {
    attack: 'one signature stripped',
    code: 'signatures_short',
    envelope: () => ({ ...sealed(), signatures: sealed().signatures.slice(1) }),
  },
  {
    attack: 'the same key twice for a threshold of two',
    code: 'signatures_short',
    envelope: () => sealPolicy(compiled(), [P1, P1]),
  },
  {
    attack: 'one signature repeated under the key id of another holder',
    code: 'signature_invalid',
    envelope: () => {
      const mine = sealed().signatures[0] as Envelope['signatures'][0]
      return { ...sealed(), signatures: [mine, { ...mine, keyid: P2.keyid }] }
    },
  },
  {
    attack: 'a signature by a key that nobody named',
    code: 'signing_key_unknown',
    envelope: () => sealPolicy(compiled(), [P1, P2, keyNamed('stranger')]),
  },
  {
    attack: 'a signature by a key of another role',
    code: 'signing_key_unknown',
    envelope: () => sealPolicy(compiled(), [P1, keyNamed('root')]),
  },
  {
    attack: 'key ids left empty, so that every key would have to be tried',
    code: 'signing_key_unknown',
    envelope: () => ({ ...sealed(), signatures: sealed().signatures.map(each => ({ ...each, keyid: '' })) }),
  },
  {
    attack: 'a revoked key beside enough good ones',
    code: 'signing_key_revoked',
    envelope: () => sealPolicy(compiled(), [P1, P2, P3]),
    against: () => ({ trust: revokedP3 }),
  },
  {
    attack: 'another payload under the signatures',
    code: 'signature_invalid',
    envelope: () => ({ ...sealed(), payload: sealPolicy(compiled({ version: 8 }), []).payload }),
  },
  {
    attack: 'an envelope of another payload type, validly signed',
    code: 'payload_type_wrong',
    envelope: () => signedAnyhow(compiled(), ['p1', 'p2'], PAYLOAD_TYPES.receipt),
  },
  {
    attack: 'the payload type exchanged for the one that is wanted',
    code: 'signature_invalid',
    envelope: () => ({
      ...signedAnyhow(compiled(), ['p1', 'p2'], PAYLOAD_TYPES.receipt),
      payloadType: PAYLOAD_TYPES.policy,
    }),
  },
  {
    attack: 'a payload that is JSON, but re-ordered',
    code: 'not_canonical',
    envelope: () => signedAnyhow(utf8('{"version":7,"v":1}')),
  },
  {
    attack: 'a payload with a duplicate member',
    code: 'json_duplicate_key',
    envelope: () => signedAnyhow(utf8('{"v":1,"v":1}')),
  },
  {
    attack: 'a payload that is no object',
    code: 'payload_type_wrong',
    envelope: () => signedAnyhow(['v', 1]),
  },
  {
    attack: 'a version that is text',
    code: 'compiled_policy_malformed',
    envelope: () => signedAnyhow({ ...compiled(), version: '7' }),
  },
  {
    attack: 'an audience that is text in which the right one occurs',
    code: 'compiled_policy_malformed',
    envelope: () => signedAnyhow({ ...compiled(), audience: 'staging, production' }),
  },
  {
    attack: 'a policy for another audience',
    code: 'audience_wrong',
    envelope: sealed,
    against: () => ({ audience: 'production' }),
  },
  {
    attack: 'a policy that never expires',
    code: 'expiry_missing',
    envelope: () => signedAnyhow({ ...compiled(), expires: undefined }),
  },
  {
    attack: 'a policy that has just expired',
    code: 'expiry_past',
    envelope: sealed,
    against: () => ({ nowMs: NOW + 86_400_000 }),
  },
  {
    attack: 'a version below the floor of the trust root',
    code: 'version_below_floor',
    envelope: sealed,
    against: () => ({ trust: trustRoot({ minPolicyVersion: 8 }) }),
  },
  {
    attack: 'rollback to an older version, validly signed',
    code: 'version_below_highest',
    envelope: sealed,
    against: () => ({ highest: { version: 8, cid: cidOf(compiled({ version: 8 })) } }),
  },
  {
    attack: 'the same version with other content',
    code: 'version_reused',
    envelope: sealed,
    against: () => ({ highest: { version: 7, cid: cidOf(compiled({ name: 'other' })) } }),
  },
  {
    attack: 'content that the trust root has revoked',
    code: 'content_revoked',
    envelope: sealed,
    against: () => ({ trust: trustRoot({ revoked: { keys: [], ids: [cidOf(compiled())] } }) }),
  },
]

for (const { attack, code, envelope, against } of refusals) {
  test(`ATTACK: ${attack} → ${code}`, () => {
    assert.throws(() => open(envelope(), against?.()), { code })
  })
}

test('the version in force opens again after a restart', () => {
  const { cid } = open(sealed())
  assert.equal(open(sealed(), { highest: { version: 7, cid } }).cid, cid)
})

test('a policy opens until its last millisecond', () => {
  assert.equal(open(sealed(), { nowMs: NOW + 86_399_999 }).payload.version, 7)
})

test('sealing refuses what nobody could open', () => {
  const endless = { v: 1, name: 'x', version: 1, audience: ['a'] }
  assert.throws(() => sealPolicy(endless, [P1]), { code: 'expiry_missing' })
  assert.throws(() => sealPolicy(compiled({ version: 0 }), [P1]), { code: 'compiled_policy_malformed' })
})

test('no byte of a sealed policy can be changed', () => {
  const bytes = encodeEnvelope(sealed())
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const flipped = Uint8Array.from(bytes)
      flipped[at] = (flipped[at] as number) ^ mask
      assert.throws(() => openPolicy(flipped, options()), { name: 'CountersignError' })
    }),
    { numRuns: 300 },
  )
})

test('no sealed policy opens when it is cut short or when something follows it', () => {
  const bytes = encodeEnvelope(sealed())
  for (let length = 0; length < bytes.length; length += 7) {
    assert.throws(() => openPolicy(bytes.subarray(0, length), options()), { name: 'CountersignError' })
  }
  assert.throws(() => openPolicy(Uint8Array.of(...bytes, 0x7b), options()), { code: 'json_syntax' })
})
