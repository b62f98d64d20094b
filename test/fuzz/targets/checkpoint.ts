import { equalBytes, hex, utf8 } from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import {
  cosign,
  cosignedAt,
  formatNote,
  formatTlogProof,
  formatVerifierKey,
  isCheckpointSignedBy,
  type NoteKey,
  parseAddCheckpoint,
  parseCheckpoint,
  parseTlogProof,
  parseVerifierKey,
  parseWitnessPolicy,
  signatureLine,
  signCheckpoint,
} from '../../../src/receipt/index.js'
import { keyNamed } from '../../policy/trust-fixture.js'
import { type FuzzTarget, holds, latin1, read, type Seen } from '../target.js'

type Verify = typeof isCheckpointSignedBy

const ORIGIN = 'acme.test/countersign/edge/1'
const LOG = keyNamed('checkpoint')
const WITNESS = keyNamed('witness')
const WITNESS_KEY: NoteKey = { name: 'witness.test/w1', use: 'witness', publicKey: WITNESS.publicKey }
const TIME = 1_790_000_000
const NOTES = [7, 8].map(size =>
  signCheckpoint(
    nativeCrypto,
    { origin: ORIGIN, size, root: hex(nativeCrypto.sha256(utf8(String(size)))) },
    LOG,
  ),
)
const BODIES = NOTES.map(note => note.slice(0, note.lastIndexOf('\n\n') + 1))
const COSIGNED = `${NOTES[0]}${signatureLine(cosign(nativeCrypto, BODIES[0] as string, WITNESS_KEY.name, WITNESS, TIME))}`
const PROOF = formatTlogProof({
  index: 3,
  hashes: [nativeCrypto.sha256(utf8('a')), nativeCrypto.sha256(utf8('b'))],
  note: NOTES[0] as string,
})
const VERIFIER_KEY = formatVerifierKey(nativeCrypto, WITNESS_KEY)
const POLICY = `log ${formatVerifierKey(nativeCrypto, { name: ORIGIN, use: 'log', publicKey: LOG.publicKey })}\nwitness w1 ${VERIFIER_KEY}\nquorum w1\n`

/** Notes, checkpoints and proofs are written back byte for byte; what is signed or cosigned is what the key has signed. */
export function checkpointWith(verify: Verify): FuzzTarget['run'] {
  return bytes => {
    const seen: Seen[] = [asCheckpoint(verify, bytes)]
    const proof = read(() => parseTlogProof(bytes))
    if (proof !== null) holds(formatTlogProof(proof) === text(bytes), 'a proof is written back byte for byte')
    const key = read(() => parseVerifierKey(nativeCrypto, text(bytes)))
    if (key !== null)
      holds(
        formatVerifierKey(nativeCrypto, key) === text(bytes),
        'a verifier key is written back byte for byte',
      )
    read(() => parseAddCheckpoint(bytes))
    const policy = read(() => parseWitnessPolicy(nativeCrypto, bytes))
    if (proof !== null || key !== null || policy !== null) seen.push('accepted')
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

function asCheckpoint(verify: Verify, bytes: Uint8Array): Seen {
  const checkpoint = read(() => parseCheckpoint(bytes))
  if (checkpoint === null) return 'refused'
  holds(
    equalBytes(utf8(formatNote(checkpoint)), bytes),
    'a checkpoint is written back byte for byte',
    latin1(bytes),
  )
  const [origin, size, root, end, ...rest] = checkpoint.body.split('\n')
  holds(end === '' && rest.length === 0, 'it has three lines', checkpoint.body)
  holds(origin === checkpoint.origin && size === String(checkpoint.size), 'origin and size are those lines')
  holds(Buffer.from(root as string, 'base64').toString('hex') === checkpoint.root, 'the root is that line')
  const cosigned = cosignedAt(nativeCrypto, checkpoint, WITNESS_KEY)
  if (cosigned !== null)
    holds(
      cosigned === TIME && checkpoint.body === BODIES[0],
      'only what was cosigned is, and when it was',
      cosigned,
      checkpoint.body,
    )
  if (!verify(nativeCrypto, checkpoint, LOG.publicKey)) return 'refused'
  holds(BODIES.includes(checkpoint.body), 'only what was signed is signed', checkpoint.body)
  return 'accepted'
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

export const target: FuzzTarget = {
  about:
    'notes, checkpoints, proofs, verifier keys: written back byte for byte, and signed only where they were',
  words: [
    '\n',
    '\n\n',
    '— ',
    ORIGIN,
    'witness.test/w1',
    ' ',
    '+',
    '/',
    '=',
    'c2sp.org/tlog-proof@v1\n',
    'index 0\n',
    'old 0\n',
    'quorum none\n',
    'group g all w1\n',
    'witness w2 ',
    'log ',
  ],
  maxBytes: 1_500,
  run: checkpointWith(isCheckpointSignedBy),
  seeds: () => ({
    signed: NOTES[0] as string,
    cosigned: COSIGNED,
    proof: PROOF,
    'verifier-key': VERIFIER_KEY,
    'witness-policy': POLICY,
    'add-checkpoint': `old 3\n${Buffer.alloc(32, 1).toString('base64')}\n\n${NOTES[1]}`,
    'other-size': (NOTES[0] as string).replace('\n7\n', '\n9\n'),
    extension: (NOTES[0] as string).replace('\n\n', '\nextension\n\n'),
    'size-with-zero': (NOTES[0] as string).replace('\n7\n', '\n07\n'),
    unsigned: BODIES[0] as string,
  }),
}
