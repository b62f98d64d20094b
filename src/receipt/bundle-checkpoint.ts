import { type Crypto, utf8 } from '../canon/index.js'
import { settledNote } from './bundle.js'
import type { Report } from './bundle-trust.js'
import { isCheckpointSignedBy, parseCheckpoint, type SignedCheckpoint } from './checkpoint.js'
import { cosignedAt } from './cosignature.js'
import type { NoteSignature } from './note.js'
import type { TrustedKeys } from './trusted-keys.js'
import { isSignedByLogOf, type WitnessPolicy, witnessedAt } from './witness-policy.js'

/** What stands behind the checkpoint of a bundle. */
export interface CheckpointBacking {
  /** The log's own keys whose lines hold. */
  readonly signers: readonly Uint8Array[]
  /** Since when it was witnessed as the policy asks, Unix milliseconds; null where it wasn't, or nobody asked. */
  readonly witnessedMs: number | null
}

/** The checkpoint as far as it can be read; nothing of it is verified. */
export function readBundledCheckpoint(note: string, report: Report): SignedCheckpoint | null {
  try {
    const checkpoint = parseCheckpoint(utf8(note))
    if (settledNote(note) !== note) report('bundle_order', null, 'signature lines of the checkpoint')
    return checkpoint
  } catch (error) {
    report('checkpoint_malformed', null, (error as Error).message)
    return null
  }
}

/** Verifies every signature line: those of the log's own keys, one of which is good at that size, and those of witnesses. */
export function verifyBundledCheckpoint(
  crypto: Crypto,
  checkpoint: SignedCheckpoint,
  keys: TrustedKeys,
  witnesses: WitnessPolicy | undefined,
  report: Report,
): CheckpointBacking {
  const lines = checkpoint.signatures.map(line => ({ ...checkpoint, signatures: [line] }))
  const signerOf = (line: SignedCheckpoint, among: readonly Uint8Array[]) =>
    among.find(key => isCheckpointSignedBy(crypto, line, key))
  const own = lines.filter(line => nameOf(line) === checkpoint.origin)
  const signers = own.map(line => signerOf(line, keys.laterCheckpointKeys()))
  // While one key replaces another both sign, and the one in force has to be among them.
  const current = own.some(line => signerOf(line, keys.checkpointKeys(checkpoint.size)) !== undefined)
  if (!current || signers.includes(undefined)) report('checkpoint_signature', null, checkpoint.origin)
  for (const line of lines.filter(line => !own.includes(line)))
    if (witnesses === undefined || !isCosigned(crypto, witnesses, line))
      report('checkpoint_line', null, `${nameOf(line)}: name its key in a witness policy`)
  if (new Set(checkpoint.signatures.map(keyOf)).size !== lines.length)
    report('checkpoint_line', null, 'one key twice')
  return {
    signers: signers.filter(key => key !== undefined),
    witnessedMs: witnesses === undefined ? null : witnessedMs(crypto, checkpoint, witnesses, report),
  }
}

function witnessedMs(
  crypto: Crypto,
  checkpoint: SignedCheckpoint,
  witnesses: WitnessPolicy,
  report: Report,
): number | null {
  if (witnesses.logs.length > 0 && !isSignedByLogOf(crypto, witnesses, checkpoint))
    report('checkpoint_signature', null, 'by no log of the witness policy')
  if (witnesses.quorum === null) return null
  const seconds = witnessedAt(crypto, witnesses, checkpoint)
  if (seconds !== null) return seconds * 1_000
  report('checkpoint_witness', null)
  return null
}

/** True where the one line of this checkpoint is by a witness of the policy. */
function isCosigned(crypto: Crypto, { witnesses }: WitnessPolicy, line: SignedCheckpoint): boolean {
  return [...witnesses.values()].some(({ key }) => cosignedAt(crypto, line, key) !== null)
}

function nameOf({ signatures }: SignedCheckpoint): string {
  return signatures[0]?.name ?? ''
}

function keyOf({ name, keyHash }: NoteSignature): string {
  return `${name} ${keyHash.join()}`
}
