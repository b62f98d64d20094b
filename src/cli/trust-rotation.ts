import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import {
  CountersignError,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  parseCanonical,
  type SigningKey,
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
} from '../policy/index.js'
import { UsageError } from './io.js'
import { trustChainIn, writeTrustChain } from './trust-files.js'

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

/**
 * Makes the next version with this change, or takes the one that waits (change null), signs it, and appends it to
 * the chain once enough holders have signed. The keys may stand in the version before or in the new one.
 */
export function rotate(
  file: string,
  current: TrustRoot,
  change: TrustRootChange | null,
  keys: readonly SigningKey[],
): Rotation {
  const unsigned = change === null ? waiting(file) : proposed(file, current, change)
  const envelope = keys.reduce(addSignature, unsigned)
  const next = readTrustRoot(parseCanonical(envelope.payload))
  const missing = missingHolders(envelope, current, next)
  if (!isComplete(envelope, current)) {
    replaceFile(pendingFile(file), encodeEnvelope(envelope))
    return { kind: 'pending', root: next, file: pendingFile(file), missing }
  }
  const chain = [...trustChainIn(file).map(bytes => decodeEnvelope(bytes)), envelope]
  writeTrustChain(`${file}.new`, chain)
  renameSync(`${file}.new`, file)
  rmSync(pendingFile(file), { force: true })
  return { kind: 'done', root: next }
}

function proposed(file: string, current: TrustRoot, change: TrustRootChange): Envelope {
  if (existsSync(pendingFile(file))) {
    throw new UsageError(
      `${pendingFile(file)} waits for signatures`,
      'Sign it with `countersign trust rotate` without changes, or remove it.',
    )
  }
  return sealTrustRoot(rotateTrustRoot(current, change, nativeCrypto), [])
}

function waiting(file: string): Envelope {
  if (!existsSync(pendingFile(file))) {
    throw new UsageError('there is nothing to change', 'Say what: see `countersign trust rotate --help`.')
  }
  return decodeEnvelope(readFileSync(pendingFile(file)))
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

/** Names of the root keys, of the version before and of the new one, that have not signed. */
function missingHolders(envelope: Envelope, current: TrustRoot, next: TrustRoot): readonly string[] {
  const known = [...new Set([...keysOfRole(current, 'root'), ...keysOfRole(next, 'root')])]
  const signers = signersOf(nativeCrypto, envelope, known)
  const names = new Map(
    [current, next].flatMap(root => Object.entries(root.keys).map(([name, key]) => [key, name])),
  )
  return known.filter(key => !signers.has(key)).map(key => names.get(key) as string)
}

function replaceFile(file: string, bytes: Uint8Array): void {
  writeFileSync(`${file}.new`, bytes)
  renameSync(`${file}.new`, file)
}
