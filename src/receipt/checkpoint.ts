import {
  base64,
  type Crypto,
  equalBytes,
  fromBase64,
  fromHex,
  hex,
  type RemoteKey,
  type SigningKey,
  signWith,
  utf8,
} from '../canon/index.js'
import {
  formatNote,
  isNoteName,
  malformedNote,
  type NoteKey,
  noteKeyHash,
  parseNote,
  type SignedNote,
} from './note.js'

/** What a checkpoint says: the tree with this root over this many entries is this log. */
export interface Checkpoint {
  /** Origin with epoch, see `EntryPosition.chain`. */
  readonly origin: string
  readonly size: number
  /** 64 hex digits. */
  readonly root: string
}

/**
 * A checkpoint (https://c2sp.org/tlog-checkpoint) in a signed note: origin, size, root; signed by the log, and by
 * witnesses where some have seen it.
 */
export interface SignedCheckpoint extends Checkpoint, SignedNote {}

/**
 * Signs a checkpoint as its log, with a line for each key: while one key replaces another both sign, so that who knows
 * either can follow. INVARIANT: only called with a root that is durable.
 */
export function signCheckpoint(
  crypto: Pick<Crypto, 'sha256'>,
  checkpoint: Checkpoint,
  ...keys: readonly SigningKey[]
): string {
  const body = checkpointBody(checkpoint)
  const signatures = keys.map(key => ({
    name: checkpoint.origin,
    keyHash: noteKeyHash(crypto, logKey(checkpoint.origin, key.publicKey)),
    signature: key.sign(utf8(body)),
  }))
  return formatNote({ body, signatures })
}

/** The same with keys that may be held elsewhere; rejects with what such a key rejects with. */
export async function signCheckpointWith(
  crypto: Pick<Crypto, 'sha256'>,
  checkpoint: Checkpoint,
  keys: readonly (SigningKey | RemoteKey)[],
): Promise<string> {
  const message = utf8(checkpointBody(checkpoint))
  const signatures = await Promise.all(keys.map(key => signWith(key, message)))
  const signed = keys.map(({ keyid, publicKey }, i) => ({
    keyid,
    publicKey,
    sign: () => signatures[i] as Uint8Array,
  }))
  return signCheckpoint(crypto, checkpoint, ...signed)
}

/**
 * Parses a note; throws `checkpoint_malformed` unless it would be written back byte for byte. Signatures are not
 * verified. Extension lines are taken from the logs of others only: this log writes none.
 */
export function parseCheckpoint(
  note: Uint8Array,
  extensions: 'refused' | 'taken' = 'refused',
): SignedCheckpoint {
  const { body, signatures } = parseNote(note)
  const [origin = '', size = '', root = '', ...rest] = body.slice(0, -1).split('\n')
  if (rest.length > 0 && extensions === 'refused')
    throw malformedNote('extension lines are not used by this log')
  if (rest.includes('')) throw malformedNote('an empty extension line')
  if (!isNoteName(origin)) throw malformedNote('origin')
  const count = Number(size)
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(count)) throw malformedNote('size')
  return { origin, size: count, root: rootHex(root), body, signatures }
}

/** True where one signature is by this key under the checkpoint's own name. */
export function isCheckpointSignedBy(
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  checkpoint: SignedCheckpoint,
  publicKey: Uint8Array,
): boolean {
  const keyHash = noteKeyHash(crypto, logKey(checkpoint.origin, publicKey))
  return checkpoint.signatures.some(
    line =>
      line.name === checkpoint.origin &&
      equalBytes(line.keyHash, keyHash) &&
      crypto.verify(publicKey, utf8(checkpoint.body), line.signature),
  )
}

/** A log's key signs under the origin of its log. */
export function logKey(origin: string, publicKey: Uint8Array): NoteKey {
  return { name: origin, use: 'log', publicKey }
}

/** The three lines that are signed. */
export function checkpointBody({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64(fromHex(root) as Uint8Array)}\n`
}

function rootHex(text: string): string {
  try {
    const root = fromBase64(text)
    if (root.length === 32) return hex(root)
  } catch {
    // named below
  }
  throw malformedNote('root')
}
