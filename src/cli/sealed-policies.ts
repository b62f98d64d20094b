import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { contentId, decodeEnvelope, type Envelope, fromUtf8, PAYLOAD_TYPES } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import type { TrustRoot } from '../policy/index.js'
import { judgeSeal } from '../receipt/index.js'
import { UsageError } from './io.js'

/** A sealed policy as it was found on disk; nothing of it is verified. */
export interface FoundPolicy {
  readonly cid: string
  readonly envelope: Envelope
  /** Folder that it lies in; `catalogs` stand beside it. */
  readonly folder: string
}

const MAX_DEPTH = 4
const MAX_FILE_BYTES = 32 * 1024 * 1024

/**
 * The sealed policies with these content ids in folders and the folders in them. Of several envelopes of one policy,
 * one whose seal holds by these versions of the trust root, oldest first, and with fewest keys that were revoked since; then the one with most
 * signatures. Throws a UsageError for a folder that can't be read.
 *
 * ATTACK: an envelope of the same policy with signatures of anybody, for which no evidence of it verifies any more.
 */
export function sealedPoliciesIn(
  folders: readonly string[],
  cids: readonly string[],
  versions: readonly TrustRoot[],
): ReadonlyMap<string, FoundPolicy> {
  const found = new Map<string, FoundPolicy>()
  for (const file of folders.flatMap(folder => jsonFiles(folder, MAX_DEPTH))) {
    const policy = readSealed(file)
    if (policy === null || !cids.includes(policy.cid)) continue
    const known = found.get(policy.cid)
    if (known === undefined || isBetter(policy.envelope, known.envelope, versions))
      found.set(policy.cid, policy)
  }
  return found
}

function isBetter(envelope: Envelope, known: Envelope, versions: readonly TrustRoot[]): boolean {
  const difference = flawsOf(known, versions) - flawsOf(envelope, versions)
  return difference > 0 || (difference === 0 && envelope.signatures.length > known.signatures.length)
}

/** Keys among its sealers that were revoked since; more than any number of them where the seal doesn't hold. */
function flawsOf(envelope: Envelope, versions: readonly TrustRoot[]): number {
  if (versions.length === 0) return 0
  const judged = judgeSeal(nativeCrypto, versions, envelope)
  return judged.kind === 'good' ? judged.revoked.length : Number.MAX_SAFE_INTEGER
}

/** Text of a pinned catalog beside a policy; null where it isn't there or has another digest. */
export function catalogBeside({ folder }: FoundPolicy, digest: string): string | null {
  try {
    const bytes = readFileSync(join(folder, 'catalogs', `${digest.slice('sha256:'.length)}.json`))
    return contentId(nativeCrypto, bytes) === digest ? fromUtf8(bytes) : null
  } catch {
    return null
  }
}

function jsonFiles(folder: string, depth: number): readonly string[] {
  let entries: readonly { readonly name: string; isDirectory(): boolean; isFile(): boolean }[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    throw new UsageError(
      `cannot read the folder ${folder} (${(error as NodeJS.ErrnoException).code})`,
      'Pass the folder that keeps sealed policies.',
    )
  }
  return entries.flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isFile()) return entry.name.endsWith('.json') ? [path] : []
    const enter =
      entry.isDirectory() && depth > 0 && !['catalogs', 'node_modules', '.git'].includes(entry.name)
    return enter ? jsonFiles(path, depth - 1) : []
  })
}

/** Null for a file that is no sealed policy. */
function readSealed(file: string): FoundPolicy | null {
  try {
    if (statSync(file).size > MAX_FILE_BYTES) return null
    const envelope = decodeEnvelope(readFileSync(file))
    if (envelope.payloadType !== PAYLOAD_TYPES.policy) return null
    return { cid: contentId(nativeCrypto, envelope.payload), envelope, folder: dirname(file) }
  } catch {
    return null
  }
}
