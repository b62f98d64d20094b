import Type from 'typebox'
import { Value } from 'typebox/value'
import {
  CONTENT_ID,
  type Crypto,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  type Envelope,
  keyIdOf,
  PAYLOAD_TYPES,
  parseCanonical,
  parsePublicKey,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { requireSigners } from './signers.js'
import { TRUST_ROLES, type TrustRoot } from './trust.js'

const strict = { additionalProperties: false }
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 128 }))
const Role = Type.Object({ keys: Names, threshold: Type.Integer({ minimum: 1 }) }, strict)
const ContentId = Type.String({ pattern: CONTENT_ID.source })
const TrustRootSchema = Type.Object(
  {
    v: Type.Literal(1),
    version: Type.Integer({ minimum: 1 }),
    previous: Type.Union([Type.Null(), ContentId]),
    keys: Type.Record(Type.String(), Type.String()),
    roles: Type.Object({ root: Role, policy: Role, enrol: Role, operate: Role, recover: Role }, strict),
    revoked: Type.Object({ keys: Names, ids: Type.Array(ContentId) }, strict),
    minPolicyVersion: Type.Integer({ minimum: 0 }),
    testAudiences: Names,
  },
  strict,
)

/** Signs a root with its own root keys and, for a successor, with the root keys of the one before. */
export function sealTrustRoot(root: TrustRoot, keys: readonly SigningKey[]): Envelope {
  checkRoot(root)
  return signEnvelope(PAYLOAD_TYPES.trustRoot, canonicalBytes(root), keys)
}

/** Content id of a root: what a configuration pins, and what the next version names as `previous`. */
export function trustRootId(crypto: Pick<Crypto, 'sha256'>, root: TrustRoot): string {
  return contentId(crypto, canonicalBytes(root))
}

/**
 * The newest root of a chain of envelopes, oldest first. The pin names one version of the chain; from there on
 * each must follow the one before by version and id, and be signed by a threshold of that one's root keys and of
 * its own. What is older than the pin proves nothing and is skipped.
 *
 * Throws `trust_pin` where the pinned version is not in the chain, `trust_chain` where a version doesn't follow,
 * `trust_malformed`, `not_canonical`, `envelope_malformed`, or a signature code.
 */
export function openTrustRoot(chain: readonly Uint8Array[], pin: string, crypto: Crypto): TrustRoot {
  const links = chain.map(bytes => readLink(bytes, crypto))
  const start = links.findIndex(link => link.id === pin)
  const pinned = links[start]
  if (pinned === undefined) throw policyFault('trust_pin', pin)
  requireSigners(crypto, pinned.envelope, pinned.root, 'root')
  let newest = pinned
  for (const next of links.slice(start + 1)) {
    if (next.root.version !== newest.root.version + 1 || next.root.previous !== newest.id) {
      throw policyFault('trust_chain', `version ${next.root.version} after ${newest.root.version}`)
    }
    requireSigners(crypto, signaturesFor(next, newest.root, next.root), newest.root, 'root')
    requireSigners(crypto, signaturesFor(next, next.root, newest.root), next.root, 'root')
    newest = next
  }
  return newest.root
}

interface Link {
  readonly id: string
  readonly envelope: Envelope
  readonly root: TrustRoot
}

function readLink(bytes: Uint8Array, crypto: Crypto): Link {
  const envelope = decodeEnvelope(bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES.trustRoot)
    throw policyFault('payload_type', envelope.payloadType)
  const root = parseCanonical(envelope.payload) as unknown as TrustRoot
  checkRoot(root)
  return { id: contentId(crypto, envelope.payload), envelope, root }
}

/** A successor carries signatures for two roots; each is held against its own keys, and no signature may be for neither. */
function signaturesFor({ envelope }: Link, root: TrustRoot, other: TrustRoot): Envelope {
  const mine = rootKeyIds(root)
  const theirs = rootKeyIds(other)
  return {
    ...envelope,
    signatures: envelope.signatures.filter(({ keyid }) => mine.has(keyid) || !theirs.has(keyid)),
  }
}

function rootKeyIds(root: TrustRoot): ReadonlySet<string> {
  return new Set(root.roles.root.keys.map(name => keyIdOf(parsePublicKey(root.keys[name] as string))))
}

/** Throws `trust_malformed` unless the shape is exact, every key is acceptable, and every role can be fulfilled. */
function checkRoot(root: TrustRoot): void {
  const problem = [...Value.Errors(TrustRootSchema, root)][0]
  if (problem !== undefined)
    throw policyFault('trust_malformed', `${problem.instancePath}: ${problem.message}`)
  if ((root.version === 1) !== (root.previous === null))
    throw policyFault('trust_malformed', 'only version 1 has no previous')
  for (const key of Object.values(root.keys)) parsePublicKey(key)
  for (const role of TRUST_ROLES) {
    const { keys, threshold } = root.roles[role]
    const missing = keys.find(name => !Object.hasOwn(root.keys, name))
    if (missing !== undefined)
      throw policyFault('trust_malformed', `role ${role} names ${missing}, which is no key`)
    const distinct = new Set(keys.map(name => root.keys[name]))
    if (distinct.size < threshold)
      throw policyFault('trust_malformed', `role ${role} has fewer keys than its threshold`)
  }
}
