import {
  base64,
  type Crypto,
  concat,
  equalBytes,
  fromBase64,
  fromUtf8,
  hex,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import { receiptFault } from './error-table.js'

/** What a checkpoint says: the tree with this root over this many entries is this log. */
export interface Checkpoint {
  /** Origin with epoch, see `EntryPosition.chain`. */
  readonly origin: string
  readonly size: number
  /** 64 hex digits. */
  readonly root: string
}

/** A signature line of a signed note; 4 bytes of key id, then whatever the algorithm writes. */
export interface NoteSignature {
  readonly name: string
  readonly keyHash: Uint8Array
  readonly signature: Uint8Array
}

/**
 * A checkpoint in a signed note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note):
 *
 *     acme.dev/countersign/edge/1
 *     4183
 *     <base64 of the 32-byte root>
 *
 *     — acme.dev/countersign/edge/1 <base64 of key id (4 bytes) and signature (64 bytes)>
 */
export interface SignedCheckpoint extends Checkpoint {
  /** The bytes that were signed: the three lines. */
  readonly body: string
  readonly signatures: readonly NoteSignature[]
}

/** Algorithm byte of plain Ed25519 in a signed note. */
const ED25519 = 0x01
const NAME = /^[^\s+]+$/u
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u
const MAX_NOTE_BYTES = 1_000_000

/** Key id of an Ed25519 key in signed notes: the first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key). */
export function noteKeyHash(crypto: Pick<Crypto, 'sha256'>, name: string, publicKey: Uint8Array): Uint8Array {
  return crypto.sha256(utf8(`${name}\n`), Uint8Array.of(ED25519), publicKey).subarray(0, 4)
}

/** `name+hash+key`, the form in which verifiers of signed notes take a public key (https://c2sp.org/signed-note#verifier-keys). */
export function noteVerifierKey(crypto: Pick<Crypto, 'sha256'>, name: string, publicKey: Uint8Array): string {
  return `${name}+${hex(noteKeyHash(crypto, name, publicKey))}+${base64(concat(Uint8Array.of(ED25519), publicKey))}`
}

/** Signs a checkpoint as its log. INVARIANT: only called with a root that is durable. */
export function signCheckpoint(
  crypto: Pick<Crypto, 'sha256'>,
  checkpoint: Checkpoint,
  key: SigningKey,
): string {
  const body = checkpointBody(checkpoint)
  const signature = base64(
    concat(noteKeyHash(crypto, checkpoint.origin, key.publicKey), key.sign(utf8(body))),
  )
  return `${body}\n— ${checkpoint.origin} ${signature}\n`
}

/** Parses a note; throws `checkpoint_malformed` unless it would be written back byte for byte. Signatures are not verified. */
export function parseCheckpoint(note: Uint8Array): SignedCheckpoint {
  const text = noteText(note)
  const split = text.lastIndexOf('\n\n')
  if (split < 0) throw malformed('no signatures')
  const body = text.slice(0, split + 1)
  const [origin = '', size = '', root = '', ...rest] = body.slice(0, -1).split('\n')
  if (rest.length > 0) throw malformed('extension lines are not used by this log')
  if (!NAME.test(origin)) throw malformed('origin')
  const count = Number(size)
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(count)) throw malformed('size')
  const checkpoint = { origin, size: count, root: hex(bytesOf(root, 'root')) }
  if (checkpoint.root.length !== 64) throw malformed('root')
  const lines = text.slice(split + 2)
  if (!lines.endsWith('\n')) throw malformed('last line')
  return { ...checkpoint, body, signatures: lines.slice(0, -1).split('\n').map(parseSignature) }
}

/** True where one signature is by this key under the checkpoint's own name. */
export function isCheckpointSignedBy(
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  checkpoint: SignedCheckpoint,
  publicKey: Uint8Array,
): boolean {
  const keyHash = noteKeyHash(crypto, checkpoint.origin, publicKey)
  return checkpoint.signatures.some(
    line =>
      line.name === checkpoint.origin &&
      equalBytes(line.keyHash, keyHash) &&
      crypto.verify(publicKey, utf8(checkpoint.body), line.signature),
  )
}

function checkpointBody(checkpoint: Checkpoint): string {
  const root = Uint8Array.from({ length: 32 }, (_, i) =>
    Number.parseInt(checkpoint.root.slice(2 * i, 2 * i + 2), 16),
  )
  return `${checkpoint.origin}\n${checkpoint.size}\n${base64(root)}\n`
}

function parseSignature(line: string): NoteSignature {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? []
  const raw = bytesOf(encoded, 'signature')
  if (name === '' || raw.length < 5) throw malformed('signature')
  return { name, keyHash: raw.subarray(0, 4), signature: raw.subarray(4) }
}

function noteText(note: Uint8Array): string {
  if (note.length > MAX_NOTE_BYTES) throw malformed('larger than a note may be')
  try {
    return fromUtf8(note)
  } catch {
    throw malformed('not UTF-8')
  }
}

function bytesOf(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch {
    throw malformed(what)
  }
}

function malformed(detail: string): Error {
  return receiptFault('checkpoint_malformed', detail)
}
