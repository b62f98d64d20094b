import { existsSync, readFileSync, rmSync } from 'node:fs'
import {
  CountersignError,
  contentId,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  fromUtf8,
  parseCanonical,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  addSignature,
  keysOfRole,
  openNext,
  readTrustRoot,
  rotateTrustRoot,
  sealTrustRoot,
  signersOf,
  type TrustRoot,
  type TrustRootChange,
  trustRootId,
} from '../policy/index.js'
import { UsageError } from './io.js'
import { replaceExclusively, trustChainIn, trustChainText } from './trust-files.js'

/** A rotation that is complete, or one that waits beside the trust root for more signatures. */
export type Rotation =
  | { readonly kind: 'done'; readonly root: TrustRoot }
  | {
      readonly kind: 'pending'
      readonly root: TrustRoot
      readonly file: string
      readonly missing: readonly string[]
    }

/** Where a version waits for signatures: `root.json.next`, to be passed from holder to holder. */
export function pendingFile(file: string): string {
  return `${file}.next`
}

/** A version that is to be signed, as it stands before this holder has. */
export interface Proposal {
  readonly envelope: Envelope
  readonly next: TrustRoot
  /** Names of the root keys that have not signed it, of the version before and of the new one. */
  readonly missing: readonly string[]
  /** What lay there when it was read, so that nobody else's signature is written over; null where it is new. */
  readonly waiting: string | null
}

/** The next version with this change. Throws a UsageError while another one waits. */
export function propose(file: string, current: TrustRoot, change: TrustRootChange): Proposal {
  if (waitingText(file) !== null) {
    throw new UsageError(
      `${pendingFile(file)} waits for signatures`,
      'Look at it and sign it with `countersign trust rotate` without changes, or remove it.',
    )
  }
  return proposalOf(sealTrustRoot(rotateTrustRoot(current, change, nativeCrypto), []), current, null)
}

/** The version that waits for signatures. Throws a UsageError where none does, and a policy fault for one that can't follow `current`. */
export function waitingProposal(file: string, current: TrustRoot): Proposal {
  const waiting = waitingText(file)
  if (waiting === null) {
    throw new UsageError('there is nothing to change', 'Say what: see `countersign trust rotate --help`.')
  }
  const proposal = proposalOf(decodeEnvelope(utf8(waiting)), current, waiting)
  // Nobody is asked to sign what can't follow, however many sign it.
  isComplete(proposal.envelope, current)
  return proposal
}

function proposalOf(envelope: Envelope, current: TrustRoot, waiting: string | null): Proposal {
  const next = readTrustRoot(parseCanonical(envelope.payload))
  return { envelope, next, missing: missingHolders(envelope, current, next), waiting }
}

/**
 * Signs a version and appends it to the chain once enough holders have signed. The keys may stand in the version before or
 * in the new one.
 */
export function rotate(
  file: string,
  current: TrustRoot,
  proposal: Proposal,
  keys: readonly SigningKey[],
): Rotation {
  const { next } = proposal
  const envelope = keys.reduce(addSignature, proposal.envelope)
  const missing = missingHolders(envelope, current, next)
  if (!isComplete(envelope, current)) {
    replaceExclusively(pendingFile(file), () => {
      if (waitingText(file) !== proposal.waiting) throw changedMeanwhile(pendingFile(file))
      return fromUtf8(encodeEnvelope(envelope))
    })
    return { kind: 'pending', root: next, file: pendingFile(file), missing }
  }
  replaceExclusively(file, () => trustChainText(followed(file, current, envelope)))
  rmSync(pendingFile(file), { force: true })
  return { kind: 'done', root: next }
}

/**
 * ATTACK: two rotations at once, one of which waits for a passphrase. The second would stand behind the first as a version that follows
 * none, and nobody could open the file again.
 */
function followed(file: string, current: TrustRoot, envelope: Envelope): readonly Envelope[] {
  const chain = trustChainIn(file).map(bytes => decodeEnvelope(bytes))
  const newest = chain.at(-1)
  if (newest === undefined || contentId(nativeCrypto, newest.payload) !== trustRootId(current, nativeCrypto))
    throw changedMeanwhile(file)
  return [...chain, envelope]
}

/** What waits, as it lies there; null where nothing does. */
function waitingText(file: string): string | null {
  return existsSync(pendingFile(file)) ? readFileSync(pendingFile(file), 'utf8') : null
}

function changedMeanwhile(file: string): UsageError {
  return new UsageError(`${file} was changed meanwhile`, 'Nothing was written. Begin again.')
}

function isComplete(envelope: Envelope, current: TrustRoot): boolean {
  try {
    openNext(envelope, current, nativeCrypto)
    return true
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'signatures_short') return false
    throw error
  }
}

function missingHolders(envelope: Envelope, current: TrustRoot, next: TrustRoot): readonly string[] {
  const known = [...new Set([...keysOfRole(current, 'root'), ...keysOfRole(next, 'root')])]
  const signers = signersOf(nativeCrypto, envelope, known)
  const names = new Map(
    [current, next].flatMap(root => Object.entries(root.keys).map(([name, key]) => [key, name])),
  )
  return known.filter(key => !signers.has(key)).map(key => names.get(key) as string)
}
