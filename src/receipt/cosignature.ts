import { type Crypto, concat, equalBytes, type SigningKey, utf8 } from '../canon/index.js'
import type { SignedCheckpoint } from './checkpoint.js'
import { type NoteKey, type NoteSignature, noteKeyHash } from './note.js'

/** Bytes of a cosignature: a time and a signature. */
const COSIGNATURE_BYTES = 8 + 64

/**
 * A witness's signature over a checkpoint (https://c2sp.org/tlog-cosignature, Ed25519): 8 bytes of time, big-endian,
 * and the signature of
 *
 *     cosignature/v1
 *     time 1679315147
 *     <the checkpoint's body>
 *
 * It says that this is the largest tree of that log which the witness has seen, and that it holds all that it saw before.
 */
export function cosign(
  crypto: Pick<Crypto, 'sha256'>,
  body: string,
  name: string,
  key: SigningKey,
  timeSeconds: number,
): NoteSignature {
  const keyHash = noteKeyHash(crypto, { name, use: 'witness', publicKey: key.publicKey })
  const signature = concat(uint64(timeSeconds), key.sign(message(body, timeSeconds)))
  return { name, keyHash, signature }
}

/** When this witness first cosigned the checkpoint, in Unix seconds, in whichever order its lines stand; null where it didn't. */
export function cosignedAt(
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  { body, signatures }: Pick<SignedCheckpoint, 'body' | 'signatures'>,
  witness: NoteKey,
): number | null {
  const keyHash = noteKeyHash(crypto, witness)
  let first: number | null = null
  for (const line of signatures) {
    if (line.name !== witness.name || !equalBytes(line.keyHash, keyHash)) continue
    if (line.signature.length !== COSIGNATURE_BYTES) continue
    const time = timeOf(line.signature)
    if (time === null || (first !== null && time >= first)) continue
    if (crypto.verify(witness.publicKey, message(body, time), line.signature.subarray(8))) first = time
  }
  return first
}

function message(body: string, timeSeconds: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${body}`)
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** Null for a time that no clock will show. */
function timeOf(signature: Uint8Array): number | null {
  const view = new DataView(signature.buffer, signature.byteOffset, 8)
  const time = Number(view.getBigUint64(0))
  return Number.isSafeInteger(time) ? time : null
}
