import { contentId, decodeEnvelope } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openTrustRoot, type TrustRoot } from '../policy/index.js'
import { readTrustChain } from './trust-files.js'

/** Opens the chain in a file; without a pin only its own wholeness is shown, and nothing of it is trusted. */
export function openTrustFile(
  file: string,
  pin?: string,
): { readonly root: TrustRoot; readonly ids: readonly string[] } {
  const chain = readTrustChain(file)
  const ids = chain.map(bytes => contentId(nativeCrypto, decodeEnvelope(bytes).payload))
  return { root: openTrustRoot(chain, pin ?? ids.at(-1) ?? '', nativeCrypto), ids }
}
