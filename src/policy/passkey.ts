import {
  base64url,
  type Crypto,
  canonicalBytes,
  concat,
  type Envelope,
  equalBytes,
  fromBase64url,
  type JsonObject,
  keyIdOf,
  p256KeyIdOf,
  p256SignatureOfDer,
  parseCanonical,
  parseP256Key,
  parsePublicKey,
  parseStrictJson,
  preAuthEncoding,
  utf8,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'

/** A person's passkey as a policy names it: a WebAuthn credential of one page, behind a touch and a PIN or a finger. */
export interface Passkey {
  /** Id of the credential, base64url: how an authenticator finds it. */
  readonly credential: string
  /** `es256:…` (ECDSA on P-256) or `ed25519:…`. */
  readonly key: string
  /** Host of the page that it signs for: `localhost`, or one behind https. */
  readonly rpId: string
  /** Exact origins of the pages that may ask it; every one of `rpId` where absent. */
  readonly origins?: readonly string[]
}

/** What an authenticator answers (https://www.w3.org/TR/webauthn-3/#iface-authenticatorassertionresponse). */
export interface PasskeyAssertion {
  readonly authenticatorData: Uint8Array
  readonly clientDataJSON: Uint8Array
  /** DER for ES256 (§6.5.5), 64 bytes for Ed25519. */
  readonly signature: Uint8Array
}

/** A touch that was verified. */
export interface PasskeyTouch {
  readonly passkey: Passkey
  readonly assertion: PasskeyAssertion
  /** base64url of 32 bytes: what the assertion is about. */
  readonly challenge: string
  /** Of the page that asked, such as `http://localhost:7443`. */
  readonly origin: string
  /** How often the authenticator has signed, where it counts; 0 where it doesn't. */
  readonly counter: number
}

/** Most bytes of an assertion in an envelope. */
export const MAX_ASSERTION_BYTES = 4_096

const Base64url = Type.String({ pattern: '^[A-Za-z0-9_-]+$' })
const AssertionSchema = Type.Object(
  { authenticatorData: Base64url, clientDataJSON: Base64url, signature: Base64url },
  { additionalProperties: false },
)

/** Flags of authenticator data (WebAuthn §6.1). */
const FLAG = { present: 0x01, verified: 0x04, eligible: 0x08, backedUp: 0x10, attested: 0x40, extended: 0x80 }
const RP_ID_HASH_BYTES = 32
const AUTHENTICATOR_DATA_BYTES = 37

/** RFC 7638 thumbprint of a passkey's public key; throws `key_invalid`. */
export function passkeyKeyId({ key }: Pick<Passkey, 'key'>): string {
  return key.startsWith('es256:') ? p256KeyIdOf(parseP256Key(key)) : keyIdOf(parsePublicKey(key))
}

/** `localhost`, or a name with a dot in it that is no address. */
export function isRpId(text: string): boolean {
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
  return (
    text === 'localhost' ||
    (text.length <= 253 && new RegExp(`^(?:${label}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`).test(text))
  )
}

/**
 * A host that many have a port of, `localhost` or a name that spells an address: every page on one of them may ask a
 * passkey of it.
 */
export function isSharedHost(rpId: string): boolean {
  return /(?:^|\.)localhost$|(?:^|[.-])(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}(?:[.-]|$)/.test(rpId)
}

/**
 * Whether a passkey's counter may follow the one that it showed before, undefined where this is its first (WebAuthn
 * §7.2 step 21). Those that are kept on several devices don't count, and show 0 for ever.
 */
export function hasCountedOn(counter: number, before: number | undefined): boolean {
  return counter > (before ?? -1) || (counter === 0 && before === 0)
}

/** What an authenticator is asked to sign: SHA-256 of all that an Ed25519 key would sign, so that one word is in it and no other. */
export function passkeyChallenge(
  crypto: Pick<Crypto, 'sha256'>,
  { payloadType, payload }: Pick<Envelope, 'payloadType' | 'payload'>,
): Uint8Array {
  return crypto.sha256(preAuthEncoding(payloadType, payload))
}

/** The envelope around a payload and the assertion about it; in place of a signature, `sig` has the three parts as JCS. */
export function passkeyEnvelope(
  { payloadType, payload }: Pick<Envelope, 'payloadType' | 'payload'>,
  passkey: Pick<Passkey, 'key'>,
  { authenticatorData, clientDataJSON, signature }: PasskeyAssertion,
): Envelope {
  const sig = canonicalBytes({
    authenticatorData: base64url(authenticatorData),
    clientDataJSON: base64url(clientDataJSON),
    signature: base64url(signature),
  })
  return { payloadType, payload, signatures: [{ keyid: passkeyKeyId(passkey), sig }] }
}

/**
 * Verifies that a person touched this passkey about exactly this payload, in a page of its host (WebAuthn §7.2). Throws
 * `passkey_malformed`, `passkey_elsewhere` for another page, `passkey_challenge` for another payload,
 * `passkey_unverified` where the authenticator didn't ask who is there, or `signature_invalid`.
 */
export function verifyPasskey(
  envelope: Pick<Envelope, 'payloadType' | 'payload'>,
  sig: Uint8Array,
  passkey: Passkey,
  crypto: Pick<Crypto, 'sha256' | 'verify' | 'verifyP256'>,
): PasskeyTouch {
  const assertion = readAssertion(sig)
  const challenge = base64url(passkeyChallenge(crypto, envelope))
  const origin = checkClientData(assertion.clientDataJSON, challenge, passkey)
  const counter = checkAuthenticatorData(assertion.authenticatorData, crypto.sha256(utf8(passkey.rpId)))
  const signed = concat(assertion.authenticatorData, crypto.sha256(assertion.clientDataJSON))
  if (!isSigned(passkey.key, signed, assertion.signature, crypto))
    throw policyFault('signature_invalid', passkey.key)
  return { passkey, assertion, challenge, origin, counter }
}

function readAssertion(sig: Uint8Array): PasskeyAssertion {
  const parts = checkShape(AssertionSchema, parseCanonical(sig) as JsonObject, 'passkey_malformed')
  return {
    authenticatorData: fromBase64url(parts.authenticatorData),
    clientDataJSON: fromBase64url(parts.clientDataJSON),
    signature: fromBase64url(parts.signature),
  }
}

/** WebAuthn §7.2 steps 10 to 14. Members that a browser adds are no fault; a member that stands twice is. */
function checkClientData(bytes: Uint8Array, challenge: string, { rpId, origins }: Passkey): string {
  const data = parseStrictJson(bytes, { maxDepth: 8 }) as JsonObject | null
  if (typeof data !== 'object' || data === null || data.type !== 'webauthn.get')
    throw policyFault('passkey_malformed', 'it is no answer to a question')
  // ATTACK: a touch that was asked for something else, or for the same with another verdict.
  if (data.challenge !== challenge) throw policyFault('passkey_challenge')
  // ATTACK: the page in a frame of somebody else's, or a page that merely looks like it.
  if (data.crossOrigin === true || data.topOrigin !== undefined)
    throw policyFault('passkey_elsewhere', 'in a frame')
  const { origin } = data
  if (typeof origin !== 'string' || hostOfOrigin(origin) !== rpId)
    throw policyFault('passkey_elsewhere', String(origin).slice(0, 100))
  // ATTACK: a page on another port of the person's machine, which an agent serves.
  if (origins !== undefined && !origins.includes(origin))
    throw policyFault('passkey_elsewhere', origin.slice(0, 100))
  return origin
}

/** Host of an origin behind https, or of localhost; null for every other, and for what no browser would write. The port may be any: a passkey knows none. */
export function hostOfOrigin(origin: string): string | null {
  const found = /^(https?):\/\/([a-z0-9.-]+)(?::[0-9]{1,5})?$/.exec(origin)
  if (found === null) return null
  const [, scheme, host] = found as unknown as readonly [string, string, string]
  return scheme === 'https' || host === 'localhost' ? host : null
}

/** WebAuthn §7.2 steps 15 to 20, §6.1. */
function checkAuthenticatorData(data: Uint8Array, rpIdHash: Uint8Array): number {
  const flags = data[RP_ID_HASH_BYTES]
  if (flags === undefined || data.length < AUTHENTICATOR_DATA_BYTES)
    throw policyFault('passkey_malformed', 'its authenticator data is too short')
  const has = (flag: number): boolean => (flags & flag) !== 0
  if (
    has(FLAG.attested) ||
    has(FLAG.extended) !== data.length > AUTHENTICATOR_DATA_BYTES ||
    (has(FLAG.backedUp) && !has(FLAG.eligible))
  )
    throw policyFault('passkey_malformed', 'its flags contradict its authenticator data')
  if (!equalBytes(data.subarray(0, RP_ID_HASH_BYTES), rpIdHash))
    throw policyFault('passkey_elsewhere', 'it signed for another host')
  if (!has(FLAG.present) || !has(FLAG.verified)) throw policyFault('passkey_unverified')
  return new DataView(data.buffer, data.byteOffset).getUint32(RP_ID_HASH_BYTES + 1)
}

function isSigned(
  key: string,
  signed: Uint8Array,
  signature: Uint8Array,
  crypto: Pick<Crypto, 'verify' | 'verifyP256'>,
): boolean {
  if (!key.startsWith('es256:')) return crypto.verify(parsePublicKey(key), signed, signature)
  const raw = p256SignatureOfDer(signature)
  return raw !== undefined && crypto.verifyP256(parseP256Key(key), signed, raw)
}
