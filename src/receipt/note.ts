import {
  base64,
  type Crypto,
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  hex,
  utf8,
} from '../canon/index.js'
import { receiptFault } from './error-table.js'

/**
 * A signed note (https://c2sp.org/signed-note@v1.0.0): a text, an empty line, and a line for each signature.
 *
 *     acme.dev/countersign/edge/1
 *     4183
 *     <base64 of the 32-byte root>
 *
 *     — acme.dev/countersign/edge/1 <base64 of 4 bytes of key id, and the signature>
 *     — witness.example/w1 <base64 of 4 bytes of key id, 8 of time, and the signature>
 */
export interface SignedNote {
  /** What was signed, its last newline included. */
  readonly body: string
  readonly signatures: readonly NoteSignature[]
}

/** A signature line: 4 bytes of key id, then whatever the algorithm writes. */
export interface NoteSignature {
  readonly name: string
  readonly keyHash: Uint8Array
  readonly signature: Uint8Array
}

/** Signature types of keys: plain Ed25519, and Ed25519 with a time (https://c2sp.org/tlog-cosignature). */
export const NOTE_KEY_TYPES = { log: 0x01, witness: 0x04 } as const
export type NoteKeyUse = keyof typeof NOTE_KEY_TYPES

/** A public key with the name that it signs notes under. */
export interface NoteKey {
  readonly name: string
  readonly use: NoteKeyUse
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array
}

/** Not empty, no space and no plus: `acme.dev/countersign/edge/1`. */
const NAME = /^[^\s+]+$/u
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u
const MAX_NOTE_BYTES = 1_000_000
/** As in Go's `sumdb/note`. ATTACK: thousands of lines that a witness's name stands in, each of which has to be verified. */
const MAX_SIGNATURES = 100

/** Parses a note; throws `checkpoint_malformed` unless it would be written back byte for byte. Signatures are not verified. */
export function parseNote(note: Uint8Array): SignedNote {
  const text = noteText(note)
  const split = text.lastIndexOf('\n\n')
  if (split < 0) throw malformedNote('no signatures')
  const lines = text.slice(split + 2)
  if (!lines.endsWith('\n')) throw malformedNote('last line')
  return { body: text.slice(0, split + 1), signatures: parseSignatures(lines) }
}

/** Signature lines alone, as a witness answers with them. Throws `checkpoint_malformed`. */
export function parseSignatures(lines: string): readonly NoteSignature[] {
  if (!lines.endsWith('\n')) throw malformedNote('last line')
  const each = lines.slice(0, -1).split('\n')
  if (each.length > MAX_SIGNATURES) throw malformedNote('too many signatures')
  return each.map(parseSignature)
}

export function formatNote({ body, signatures }: SignedNote): string {
  return `${body}\n${signatures.map(signatureLine).join('')}`
}

export function signatureLine({ name, keyHash, signature }: NoteSignature): string {
  return `— ${name} ${base64(concat(keyHash, signature))}\n`
}

/** Key id: the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key). */
export function noteKeyHash(crypto: Pick<Crypto, 'sha256'>, { name, use, publicKey }: NoteKey): Uint8Array {
  return crypto.sha256(utf8(`${name}\n`), Uint8Array.of(NOTE_KEY_TYPES[use]), publicKey).subarray(0, 4)
}

/** `name+hash+key`, the form in which verifiers take a public key (signed-note, "Verifier keys"). */
export function formatVerifierKey(crypto: Pick<Crypto, 'sha256'>, key: NoteKey): string {
  const typed = concat(Uint8Array.of(NOTE_KEY_TYPES[key.use]), key.publicKey)
  return `${key.name}+${hex(noteKeyHash(crypto, key))}+${base64(typed)}`
}

/** Throws `verifier_key_malformed` unless it is exactly what `formatVerifierKey` writes for a log or a witness. */
export function parseVerifierKey(crypto: Pick<Crypto, 'sha256'>, text: string): NoteKey {
  const [, name = '', hash = '', encoded = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(text) ?? []
  const typed = bytesOrNull(encoded)
  const use = (['log', 'witness'] as const).find(each => NOTE_KEY_TYPES[each] === typed?.[0])
  if (typed?.length !== 33 || use === undefined) throw receiptFault('verifier_key_malformed', name)
  const key: NoteKey = { name, use, publicKey: typed.subarray(1) }
  if (!equalBytes(fromHex(hash) as Uint8Array, noteKeyHash(crypto, key)))
    throw receiptFault('verifier_key_malformed', `${name}: the key id is another key’s`)
  return key
}

export function isNoteName(text: string): boolean {
  return NAME.test(text)
}

export function malformedNote(detail: string): Error {
  return receiptFault('checkpoint_malformed', detail)
}

function parseSignature(line: string): NoteSignature {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? []
  const raw = bytesOrNull(encoded)
  if (name === '' || raw === null || raw.length < 5) throw malformedNote('signature')
  return { name, keyHash: raw.subarray(0, 4), signature: raw.subarray(4) }
}

function noteText(note: Uint8Array): string {
  if (note.length > MAX_NOTE_BYTES) throw malformedNote('larger than a note may be')
  try {
    return fromUtf8(note)
  } catch {
    throw malformedNote('not UTF-8')
  }
}

function bytesOrNull(text: string): Uint8Array | null {
  try {
    return fromBase64(text)
  } catch {
    return null
  }
}
