import { writeFileSync } from 'node:fs'
import { contentId, decodeEnvelope, type Envelope, encodeEnvelope, fromUtf8 } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openTrustChain, openTrustRoot, readTrustChain, type TrustRoot } from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { openNeeded } from './needed-file.js'

/** The envelopes in the file of a trust root, oldest first. Throws `file_unreachable` where there is no such file, and a policy fault where it holds something else. */
export function trustChainIn(file: string): readonly Uint8Array[] {
  return openNeeded(file, readTrustChain)
}

export function writeTrustChain(file: string, chain: readonly Envelope[]): void {
  writeFileSync(file, `[\n${chain.map(envelope => fromUtf8(encodeEnvelope(envelope))).join(',\n')}\n]\n`)
}

/** The trust root that a configuration pins. Throws a policy fault where the file doesn't hold it. */
export function readTrustRoot(loaded: LoadedConfig): TrustRoot {
  return readTrustVersions(loaded).at(-1) as TrustRoot
}

/** All its versions, oldest first. */
export function readTrustVersions({ config, path }: LoadedConfig): readonly TrustRoot[] {
  return openTrustChain(trustChainIn(path(config.trust.root)), config.trust.pin, nativeCrypto)
}

/** The versions in a file that is the reader's own, or any copy with a pin; oldest first. */
export function openTrustVersions(file: string, pin?: string): readonly TrustRoot[] {
  const chain = trustChainIn(file)
  const newest = chain.at(-1)
  const own = newest === undefined ? '' : contentId(nativeCrypto, decodeEnvelope(newest).payload)
  return openTrustChain(chain, pin ?? own, nativeCrypto)
}

/** Opens the chain in a file; without a pin only its own wholeness is shown, and nothing of it is trusted. */
export function openTrustFile(
  file: string,
  pin?: string,
): { readonly root: TrustRoot; readonly ids: readonly string[] } {
  const chain = trustChainIn(file)
  const ids = chain.map(bytes => contentId(nativeCrypto, decodeEnvelope(bytes).payload))
  return { root: openTrustRoot(chain, pin ?? ids.at(-1) ?? '', nativeCrypto), ids }
}
