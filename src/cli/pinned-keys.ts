import { readFileSync } from 'node:fs'
import {
  contentId,
  decodeEnvelope,
  type JsonObject,
  parsePublicKey,
  parseStrictJson,
  utf8,
} from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openEnrolment, openTrustRoot } from '../policy/index.js'
import { decodeEntry, type PinnedKeys } from '../receipt/index.js'
import { UsageError } from './io.js'
import { trustChainIn } from './trust-files.js'

/** Where the trust in a log's keys comes from: never from the log. */
export type KeySource =
  | { readonly kind: 'none' }
  | { readonly kind: 'keys'; readonly receipt: readonly string[]; readonly checkpoint: readonly string[] }
  | {
      readonly kind: 'trust-root'
      /** JSON array of trust-root envelopes, oldest first. */
      readonly root: string
      /** `sha256:…` of the payload of one of them; null where the file itself is the verifier's own and its first version is trusted. */
      readonly pin: string | null
      /** Enrolment envelope; null to take the one that the log's genesis carries, which the trust root must have signed. */
      readonly enrolment: string | null
    }

/** The keys to hold a log against; null where none are pinned. `firstEntry` is the log's genesis as envelope bytes. */
export function pinnedKeys(source: KeySource, firstEntry: Uint8Array | undefined): PinnedKeys | null {
  switch (source.kind) {
    case 'none':
      return null
    case 'keys':
      return {
        origin: null,
        receipt: source.receipt.map(parsePublicKey),
        checkpoint: source.checkpoint.map(parsePublicKey),
      }
    case 'trust-root': {
      const chain = trustChainIn(source.root)
      const trust = openTrustRoot(chain, source.pin ?? firstVersion(chain, source.root), nativeCrypto)
      const envelope = source.enrolment === null ? enrolmentOf(firstEntry) : readBytes(source.enrolment)
      const nowMs = startOf(envelope)
      const { keys, origin } = openEnrolment(envelope, trust, { crypto: nativeCrypto, nowMs })
      return {
        origin,
        receipt: [parsePublicKey(keys.receipt)],
        checkpoint: [parsePublicKey(keys.checkpoint)],
      }
    }
  }
}

/** The enrolment's own beginning: a log is read long after it was written, and whoever holds the keys sets the times in it. */
function startOf(envelope: Uint8Array): number {
  const { notBefore } = parseStrictJson(decodeEnvelope(envelope).payload) as JsonObject
  return typeof notBefore === 'string' ? Date.parse(notBefore) : 0
}

/** The first version in the file: what a verifier who passes a copy of their own trusts. */
export function firstVersion(chain: readonly Uint8Array[], file: string): string {
  const first = chain[0]
  if (first === undefined)
    throw new UsageError(`${file} holds no trust root`, 'Pass trust/root.json of the sidecar.')
  return contentId(nativeCrypto, decodeEnvelope(first).payload)
}

function enrolmentOf(firstEntry: Uint8Array | undefined): Uint8Array {
  const enrolment = firstEntry === undefined ? undefined : genesisEnrolment(firstEntry)
  if (enrolment === undefined)
    throw new UsageError(
      'the log carries no enrolment that leads from the trust root to its keys',
      'Pass --enrolment FILE, or pin the keys with --key.',
    )
  return utf8(enrolment)
}

function genesisEnrolment(bytes: Uint8Array): string | undefined {
  try {
    const entry = decodeEntry(bytes)
    return entry.type === 'genesis' && typeof entry.data.enrolment === 'string'
      ? entry.data.enrolment
      : undefined
  } catch {
    return undefined
  }
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UsageError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'Check the path.')
  }
}
