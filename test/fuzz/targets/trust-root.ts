import {
  canonicalBytes,
  decodeEnvelope,
  encodeEnvelope,
  equalBytes,
  PAYLOAD_TYPES,
} from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { openTrustChain, readTrustChain, rotateTrustRoot } from '../../../src/policy/index.js'
import { idOf, sealedChain, trustRoot, written } from '../../policy/trust-fixture.js'
import { envelopeOf, quickKey } from '../keys.js'
import { type FuzzTarget, holds, latin1, read, type Seen } from '../target.js'

type Open = typeof openTrustChain

const FIRST = trustRoot()
const SECOND = rotateTrustRoot(
  FIRST,
  {
    keys: { ...FIRST.keys, 'root-2': written('root-2') },
    roles: { ...FIRST.roles, root: { keys: ['root-2'], threshold: 1 } },
  },
  nativeCrypto,
)
const CHAIN = sealedChain([FIRST, ['root']], [SECOND, ['root', 'root-2']])
const PAYLOADS = CHAIN.map(each => decodeEnvelope(each).payload)
const ROOT_2 = quickKey('root-2')
const PIN = idOf(FIRST)

/** Only the versions that were sealed open, from the pin on; and of what root keys would seal, only what is exactly a trust root. */
export function trustRootWith(open: Open): FuzzTarget['run'] {
  return bytes => {
    const seen: Seen[] = [asPayload(open, bytes)]
    const chain = read(() => readTrustChain(bytes))
    const versions = chain === null ? null : read(() => open(chain, PIN, nativeCrypto))
    if (chain !== null && versions !== null) {
      for (const [at, envelope] of chain.entries())
        holds(
          equalBytes(decodeEnvelope(envelope).payload, PAYLOADS[at] ?? new Uint8Array()),
          'only what was sealed opens',
          latin1(bytes),
        )
      seen.push('accepted')
    }
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

/** The bytes as a third version that the root key in force has signed. */
function asPayload(open: Open, payload: Uint8Array): Seen {
  const sealed = envelopeOf(PAYLOAD_TYPES.trustRoot, payload, [ROOT_2])
  const versions = read(() => open([...CHAIN, sealed], PIN, nativeCrypto))
  if (versions === null) return 'refused'
  holds(equalBytes(canonicalBytes(versions[2]), payload), 'a version says what was signed, and nothing else')
  holds(versions[2]?.version === 3 && versions[2].previous === idOf(SECOND), 'it follows the version before')
  return 'accepted'
}

export const target: FuzzTarget = {
  about: 'trust roots: only versions that were sealed open, each after the one before',
  words: [
    '"version":3',
    '"previous":"sha256:',
    '"keys":{',
    '"roles":{',
    '"threshold":1',
    '"revoked":{"ids":[],"keys":[]}',
    '"minPolicyVersion":1',
    '"testAudiences":[]',
    '[',
    ']',
    ',',
    '"signatures":[',
    '"root"',
    '"p1"',
    'ed25519:',
  ],
  maxBytes: 6_000,
  run: trustRootWith(openTrustChain),
  seeds: () => {
    const [one, two] = CHAIN.map(each => Buffer.from(each).toString()) as [string, string]
    const third = rotateTrustRoot(SECOND, { minPolicyVersion: 3 }, nativeCrypto)
    const other = {
      ...decodeEnvelope(CHAIN[1] as Uint8Array),
      payload: canonicalBytes({ ...SECOND, minPolicyVersion: 2 }),
    }
    return {
      'other-second': `[${one},${Buffer.from(encodeEnvelope(other)).toString()}]`,
      chain: `[${one},${two}]`,
      first: `[${one}]`,
      'without-first': `[${two}]`,
      payload: Buffer.from(canonicalBytes(third)),
      'payload-version': Buffer.from(canonicalBytes({ ...third, version: 4 })),
      'payload-unknown-member': Buffer.from(canonicalBytes({ ...third, more: 1 })),
      spaced: `[ ${one} , ${two} ]\n`,
      stranger: `[${Buffer.from(sealedChain([FIRST, ['mallory']])[0] as Uint8Array).toString()}]`,
    }
  },
}
