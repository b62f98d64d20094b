import { CountersignError, decodeEnvelope, parseCanonical } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openRecovery, openTrustRoot, readTrustRoot, type TrustRoot } from '../policy/index.js'
import type { OpenRecovery } from '../receipt/index.js'
import { type KeySource, pinOf } from './pinned-keys.js'
import { trustChainIn } from './trust-files.js'

/** Opens recoveries under a trust root that came from outside the log; undefined where there is none. */
export function pinnedRecovery(source: KeySource): OpenRecovery | undefined {
  if (source.kind !== 'trust-root') return undefined
  const chain = trustChainIn(source.root)
  const newest = openTrustRoot(chain, pinOf(source, chain), nativeCrypto)
  const versions = chain.map(bytes => readTrustRoot(parseCanonical(decodeEnvelope(bytes).payload)))
  return statement => openUnderAny(statement, newest, versions)
}

/**
 * A recovery is signed by the keys of its day, and read long after: any version of the root may vouch for it, newest
 * first. ATTACK: a key that was revoked since vouches for nothing, whatever version named it.
 */
function openUnderAny(
  statement: Uint8Array,
  newest: TrustRoot,
  versions: readonly TrustRoot[],
): ReturnType<OpenRecovery> {
  let fault: CountersignError | undefined
  for (const version of versions.toReversed()) {
    try {
      return openRecovery(statement, { ...version, revoked: newest.revoked }, nativeCrypto)
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      fault ??= error
    }
  }
  throw fault
}
