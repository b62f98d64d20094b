import {
  canonicalBytes,
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  equalBytes,
  PAYLOAD_TYPES,
  type SigningKey,
} from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { activate, openPolicy, sealPolicy } from '../../../src/policy/index.js'
import { compiledOf, policyText } from '../../policy/a-policy.js'
import { compiled, keyNamed, NOW, trustRoot } from '../../policy/trust-fixture.js'
import { envelopeOf, quickKey } from '../keys.js'
import { type FuzzTarget, holds, latin1, read, type Seen } from '../target.js'

type Open = typeof openPolicy

const [P1, P2, P3] = ['p1', 'p2', 'p3'].map(quickKey) as [SigningKey, SigningKey, SigningKey]
const SEALED = sealPolicy(compiled(), [P1, P2])
const OPTIONS = { crypto: nativeCrypto, trust: trustRoot(), audience: 'staging', nowMs: NOW, highest: null }
const REAL = compiledOf(
  policyText(
    '  - { id: read, allow: { api: shop, class: read }, to: [coder], when: "request.method == \'GET\'" }',
  ),
)

/** Only what enough keys have sealed opens; and of what they would seal, only what is exactly a policy in force. */
export function policySealedWith(open: Open): FuzzTarget['run'] {
  return bytes => {
    const seen: Seen[] = [asPayload(open, bytes)]
    const opened = read(() => open(bytes, OPTIONS))
    if (opened !== null) {
      const envelope = decodeEnvelope(bytes)
      holds(equalBytes(envelope.payload, SEALED.payload), 'only what was sealed opens', latin1(bytes))
      holds(new Set(envelope.signatures.map(({ keyid }) => keyid)).size >= 2, 'two keys have sealed it')
      holds(opened.cid === contentId(nativeCrypto, SEALED.payload), 'its id is that of the payload')
      seen.push('accepted')
    }
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

function asPayload(open: Open, payload: Uint8Array): Seen {
  const opened = read(() => open(envelopeOf(PAYLOAD_TYPES.policy, payload, [P1, P2]), OPTIONS))
  if (opened === null) return 'refused'
  holds(equalBytes(canonicalBytes(opened.payload), payload), 'a payload is canonical')
  const { expires, audience, version } = JSON.parse(new TextDecoder().decode(payload)) as {
    expires: number
    audience: string[]
    version: number
  }
  holds(
    expires > NOW && audience.includes('staging') && version >= 1,
    'it is in force, here',
    expires,
    audience,
    version,
  )
  const active = read(() => activate(opened.payload, opened.cid, REAL.catalogs))
  if (active !== null) holds(active.cid === opened.cid, 'it is activated under its own id')
  return 'accepted'
}

export const target: FuzzTarget = {
  about: 'sealed policies: only what enough keys sealed opens, and activates or is refused by a code',
  words: [
    '"signatures":[',
    '{"keyid":"',
    '"sig":"',
    '"payloadType":"',
    ',"revoked":[]',
    '"rules":[',
    '"effect":"allow"',
    '"version":7',
    '"expires":',
    '"audience":["staging"]',
    '"apis":{',
    '{}',
    '[]',
    'null',
    '1',
    '"__proto__":{}',
  ],
  maxBytes: 6_000,
  run: policySealedWith(openPolicy),
  seeds: () => {
    const sealed = Buffer.from(encodeEnvelope(SEALED)).toString()
    const [one] = SEALED.signatures
    return {
      sealed,
      'three-keys': Buffer.from(encodeEnvelope(sealPolicy(compiled(), [P1, P2, P3]))),
      payload: Buffer.from(canonicalBytes(compiled())),
      'payload-real': Buffer.from(canonicalBytes({ ...REAL.payload, expires: NOW + 1 })),
      'payload-expired': Buffer.from(canonicalBytes(compiled({ expires: NOW }))),
      'one-key': Buffer.from(encodeEnvelope(sealPolicy(compiled(), [P1]))),
      'same-key-twice': Buffer.from(
        encodeEnvelope({ ...SEALED, signatures: [one, one] as typeof SEALED.signatures }),
      ),
      stranger: Buffer.from(encodeEnvelope(sealPolicy(compiled(), [P1, keyNamed('mallory')]))),
      spaced: ` ${sealed}`,
    }
  },
}
