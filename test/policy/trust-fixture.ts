import {
  canonicalBytes,
  type Envelope,
  encodeEnvelope,
  formatPublicKey,
  type JsonObject,
  PAYLOAD_TYPES,
  portableCrypto,
  portableSigningKey,
  type SigningKey,
  signEnvelope,
  utf8,
} from '../../src/canon/index.js'
import { sealTrustRoot, type TrustRoot, trustRootId } from '../../src/policy/index.js'

/** Keys made from their name alone, so that a failure can be repeated. */
export function keyNamed(name: string): SigningKey {
  return portableSigningKey(portableCrypto.sha256(utf8(name)))
}

export function written(name: string): string {
  return formatPublicKey(keyNamed(name).publicKey)
}

const NAMES = ['root', 'p1', 'p2', 'p3', 'enrol', 'operate', 'recover']
const single = (name: string) => ({ keys: [name], threshold: 1 })

/** Two of three policy keys; one key in every other role. */
export function trustRoot(change: Partial<TrustRoot> = {}): TrustRoot {
  return {
    v: 1,
    version: 1,
    previous: null,
    keys: Object.fromEntries(NAMES.map(name => [name, written(name)])),
    roles: {
      root: single('root'),
      policy: { keys: ['p1', 'p2', 'p3'], threshold: 2 },
      enrol: single('enrol'),
      operate: single('operate'),
      recover: single('recover'),
    },
    revoked: { keys: [], ids: [] },
    minPolicyVersion: 1,
    testAudiences: ['sandbox'],
    ...change,
  }
}

export function sealedChain(...versions: readonly (readonly [TrustRoot, readonly string[]])[]): Uint8Array[] {
  return versions.map(([root, keys]) => encodeEnvelope(sealTrustRoot(root, keys.map(keyNamed))))
}

export function idOf(root: TrustRoot): string {
  return trustRootId(root, portableCrypto)
}

export const NOW = Date.parse('2026-11-01T12:00:00Z')

/** A compiled policy as far as a seal is concerned. */
export function compiled(change: JsonObject = {}): JsonObject {
  return {
    v: 1,
    name: 'acme-staging',
    version: 7,
    expires: NOW + 86_400_000,
    audience: ['staging'],
    apis: {},
    agents: {},
    credentials: {},
    approvers: {},
    windows: {},
    rules: [],
    ...change,
  }
}

/** Signs any payload, however unsound: what a rogue or mistaken key holder could do. */
export function signedAnyhow(
  payload: unknown,
  keys: readonly string[] = ['p1', 'p2'],
  payloadType: string = PAYLOAD_TYPES.policy,
): Envelope {
  const bytes = payload instanceof Uint8Array ? payload : canonicalBytes(payload)
  return signEnvelope(payloadType, bytes, keys.map(keyNamed))
}
