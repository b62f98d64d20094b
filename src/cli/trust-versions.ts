import { decodeEnvelope } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openNext, openTrustRoot, type TrustRoot } from '../policy/index.js'
import { type KeySource, pinOf } from './pinned-keys.js'
import { trustChainIn } from './trust-files.js'

/**
 * Every version of the trust root that a verification pins, the newest first; null where it pins none. What was sealed long
 * ago was sealed under the version of its time. Throws a policy fault where the chain doesn't hold its pin.
 */
export function trustVersions(source: KeySource): readonly TrustRoot[] | null {
  if (source.kind !== 'trust-root') return null
  const chain = trustChainIn(source.root)
  openTrustRoot(chain, pinOf(source, chain), nativeCrypto)
  const versions: TrustRoot[] = []
  for (const bytes of chain)
    versions.push(openNext(decodeEnvelope(bytes), versions.at(-1) ?? null, nativeCrypto))
  return versions.reverse()
}
