import {
  base64Length,
  type Crypto,
  decodeBase64Bytes,
  encodeBase64Into,
  equalBytes,
  fromUtf8,
  PAYLOAD_TYPES,
  type RemoteKey,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import type { Entry } from './entry.js'
import { receiptFault } from './error-table.js'
import { entryProblem } from './formats.js'
import { layEntry } from './layout.js'

const encoder = new TextEncoder()

/** Largest envelope of one entry. */
export const MAX_ENTRY_BYTES = 65_535

/**
 * An entry on disk is a DSSE envelope in JCS, so every byte outside payload, keyid and signature is fixed:
 *
 *     {"payload":"<base64>","payloadType":"application/vnd.countersign.receipt.v1+json","signatures":[{"keyid":"<43 base64url>","sig":"<88 base64>"}]}
 */
const HEAD = utf8('{"payload":"')
const TYPE = utf8(`","payloadType":"${PAYLOAD_TYPES.receipt}","signatures":[{"keyid":"`)
const SIG = utf8('","sig":"')
const END = utf8('"}]}')
const KEYID_LENGTH = 43
const SIG_LENGTH = base64Length(64)
const AROUND = HEAD.length + TYPE.length + KEYID_LENGTH + SIG.length + SIG_LENGTH + END.length
const MAX_PAYLOAD_BYTES = Math.floor((MAX_ENTRY_BYTES - AROUND) / 4) * 3
const SIGNED_HEAD = `DSSEv1 ${PAYLOAD_TYPES.receipt.length} ${PAYLOAD_TYPES.receipt} `
/** Room before the payload for SIGNED_HEAD, the payload's length and a space. */
const SIGNED_ROOM = SIGNED_HEAD.length + 6

export interface SealedEntry {
  /** Envelope bytes. */
  readonly bytes: Uint8Array
  /** Leaf hash of the envelope, 32 bytes (RFC 6962 §2.1). */
  readonly leaf: Uint8Array
}

/**
 * Prepares a function that checks, canonicalizes, signs and hashes entries with one key. It throws
 * `entry_malformed` on a member that the format doesn't have, and `entry_too_large`.
 */
export function entrySealer(
  crypto: Pick<Crypto, 'sha256'>,
  signer: SigningKey,
): (entry: Entry) => SealedEntry {
  const frame = entryFrame(crypto, signer.keyid)
  return entry => frame.sealed(signer.sign(frame.signedBytes(entry)))
}

/** The same for a key that is held elsewhere: one entry at a time, since the next one cites the signature of this one. */
export function remoteEntrySealer(
  crypto: Pick<Crypto, 'sha256'>,
  signer: RemoteKey,
): (entry: Entry) => Promise<SealedEntry> {
  const frame = entryFrame(crypto, signer.keyid)
  return async entry => {
    const [signature] = await signer.signAll([frame.signedBytes(entry)])
    return frame.sealed(signature as Uint8Array)
  }
}

/** Lays out one entry at a time: first what is to be signed, then, with the signature, its envelope. */
function entryFrame(crypto: Pick<Crypto, 'sha256'>, keyid: string) {
  const scratch = new Uint8Array(SIGNED_ROOM + MAX_PAYLOAD_BYTES)
  const allocate = slabs()
  const between = utf8(`","payloadType":"${PAYLOAD_TYPES.receipt}","signatures":[{"keyid":"${keyid}","sig":"`)
  let length = 0
  return {
    signedBytes: (entry: Entry): Uint8Array => {
      const wrong = entryProblem(entry)
      if (wrong !== undefined) throw receiptFault('entry_malformed', `${entry.type}${wrong}`)
      const text = layEntry(entry)
      const { read, written } = encoder.encodeInto(text, scratch.subarray(SIGNED_ROOM))
      if (read !== text.length)
        throw receiptFault('entry_too_large', `${entry.type}, ${text.length} characters`)
      length = written
      return signedBytes(scratch, written)
    },
    sealed: (signature: Uint8Array): SealedEntry => {
      // The byte before the envelope is the 0x00 of the leaf hash, so that hashing needs no copy.
      const framed = allocate(1 + AROUND + base64Length(length))
      framed.set(HEAD, 1)
      let at = encodeBase64Into(scratch.subarray(SIGNED_ROOM, SIGNED_ROOM + length), framed, 1 + HEAD.length)
      framed.set(between, at)
      at = encodeBase64Into(signature, framed, at + between.length)
      framed.set(END, at)
      return { bytes: framed.subarray(1), leaf: crypto.sha256(framed) }
    },
  }
}

const SLAB_BYTES = 65_536

/** Cuts arrays from larger ones: a buffer of its own for every entry costs more than laying the entry out. */
function slabs(): (length: number) => Uint8Array {
  let slab = new Uint8Array(SLAB_BYTES)
  let used = 0
  return length => {
    if (length > SLAB_BYTES / 4) return new Uint8Array(length)
    if (used + length > SLAB_BYTES) {
      slab = new Uint8Array(SLAB_BYTES)
      used = 0
    }
    used += length
    return slab.subarray(used - length, used)
  }
}

/** Lays DSSE's pre-authentication encoding around a payload that already stands in `scratch`. */
function signedBytes(scratch: Uint8Array, payloadLength: number): Uint8Array {
  const head = `${SIGNED_HEAD}${payloadLength} `
  const start = SIGNED_ROOM - head.length
  encoder.encodeInto(head, scratch.subarray(start, SIGNED_ROOM))
  return scratch.subarray(start, SIGNED_ROOM + payloadLength)
}

/** One entry as envelope bytes; see `entrySealer`. */
export function encodeEntry(crypto: Pick<Crypto, 'sha256'>, entry: Entry, signer: SigningKey): Uint8Array {
  return entrySealer(crypto, signer)(entry).bytes
}

/** An entry taken apart, its signature not yet verified. */
export interface OpenedEntry {
  readonly entry: Entry
  /** What the envelope carries: the entry as JCS. */
  readonly payload: Uint8Array
  /** As written; RFC 7638 thumbprint of the signing key, a hint only. */
  readonly keyid: string
  readonly signature: Uint8Array
  /** The bytes that were signed: DSSE's pre-authentication encoding of the payload. */
  readonly signed: Uint8Array
}

/**
 * Takes an envelope apart and throws `entry_malformed` unless these are exactly the bytes that `encodeEntry` would
 * write for what was read: canonical, integers only, every member known, nothing before or behind.
 */
export function openEntry(bytes: Uint8Array): OpenedEntry {
  if (bytes.length > MAX_ENTRY_BYTES) throw malformed('more than 65,535 bytes')
  const payloadEnd = bytes.length - (AROUND - HEAD.length)
  let at = expect(bytes, HEAD, 0)
  if (payloadEnd < at) throw malformed('too short')
  const payload = base64At(bytes, at, payloadEnd, 'payload')
  at = expect(bytes, TYPE, payloadEnd)
  const keyid = textOf(bytes.subarray(at, at + KEYID_LENGTH), 'keyid')
  if (!/^[A-Za-z0-9_-]{43}$/.test(keyid)) throw malformed('keyid')
  at = expect(bytes, SIG, at + KEYID_LENGTH)
  const signature = base64At(bytes, at, at + SIG_LENGTH, 'signature')
  if (signature.length !== 64) throw malformed('signature')
  expect(bytes, END, at + SIG_LENGTH)
  const signed = new Uint8Array(SIGNED_ROOM + payload.length)
  signed.set(payload, SIGNED_ROOM)
  return {
    entry: parsePayload(payload),
    payload,
    keyid,
    signature,
    signed: signedBytes(signed, payload.length),
  }
}

/** The payload of an envelope; see `openEntry`. The signature is not verified. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return openEntry(bytes).entry
}

/** `JSON.parse` is lenient, but whatever it forgave (duplicates, spaces, other spellings) doesn't encode back to the same text. */
function parsePayload(payload: Uint8Array): Entry {
  const text = textOf(payload, 'payload is not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('payload is not JSON')
  }
  const wrong = entryProblem(value)
  if (wrong !== undefined) throw malformed(`payload${wrong}`)
  const entry = value as Entry
  if (layEntry(entry) !== text) throw malformed('payload is not canonical')
  return entry
}

function textOf(bytes: Uint8Array, what: string): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw malformed(what)
  }
}

function base64At(bytes: Uint8Array, start: number, end: number, what: string): Uint8Array {
  try {
    return decodeBase64Bytes(bytes.subarray(start, end))
  } catch {
    throw malformed(what)
  }
}

function expect(bytes: Uint8Array, part: Uint8Array, at: number): number {
  if (!equalBytes(bytes.subarray(at, at + part.length), part)) throw malformed('envelope')
  return at + part.length
}

function malformed(detail: string): Error {
  return receiptFault('entry_malformed', detail)
}
