export { base64Length, decodeBase64Bytes, encodeBase64Into } from './base64-bytes.js'
export {
  base64,
  base64url,
  concat,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  fromUtf8,
  hex,
  utf8,
} from './bytes.js'
export {
  CONTENT_ID,
  type Crypto,
  contentId,
  isRemoteKey,
  portableCrypto,
  portableDigests,
  type RemoteKey,
  type SigningKey,
  signWith,
} from './crypto.js'
export {
  decodeEnvelope,
  decodeEnvelopeUpTo,
  type Envelope,
  type EnvelopeSignature,
  encodeEnvelope,
  isSignedBy,
  PAYLOAD_TYPES,
  preAuthEncoding,
  signEnvelope,
} from './dsse.js'
export { formatPublicKey, isAcceptablePoint, keyIdOf, parsePublicKey, portableSigningKey } from './ed25519.js'
export { canonErrors, canonFault } from './error-table.js'
export { CountersignError, type ErrorEntry, type ErrorTable, errorsOf } from './errors.js'
export { canonicalBytes, canonicalize, parseCanonical } from './jcs.js'
export { type JsonObject, type JsonValue, parseStrictJson, type StrictJsonOptions } from './json.js'
export { type Leaf, leavesOf } from './leaves.js'
export { formatP256Key, isP256Point, p256KeyIdOf, p256SignatureOfDer, parseP256Key } from './p256.js'
export { HIDDEN_LETTERS, type ShownPart, shownParts } from './shown-text.js'
