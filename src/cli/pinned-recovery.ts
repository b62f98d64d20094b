import { nativeCrypto } from '../native/index.js'
import { openTrustChain } from '../policy/index.js'
import { type OpenRecovery, recoveryOpener } from '../receipt/index.js'
import { type KeySource, pinOf } from './pinned-keys.js'
import { trustChainIn } from './trust-files.js'

/** Opens recoveries under a trust root that came from outside the log; undefined where there is none. */
export function pinnedRecovery(source: KeySource): OpenRecovery | undefined {
  if (source.kind !== 'trust-root') return undefined
  const chain = trustChainIn(source.root)
  return recoveryOpener(nativeCrypto, openTrustChain(chain, pinOf(source, chain), nativeCrypto))
}
