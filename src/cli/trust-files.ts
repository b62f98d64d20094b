import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { contentId, decodeEnvelope, type Envelope, encodeEnvelope, fromUtf8 } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openTrustChain, openTrustRoot, readTrustChain, type TrustRoot } from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'
import { openNeeded } from './needed-file.js'

/** The envelopes in the file of a trust root, oldest first. Throws `file_unreachable` where there is no such file, and a policy fault where it holds something else. */
export function trustChainIn(file: string): readonly Uint8Array[] {
  return openNeeded(file, readTrustChain)
}

export function writeTrustChain(file: string, chain: readonly Envelope[]): void {
  writeFileSync(file, trustChainText(chain), { flag: 'wx' })
}

/** The chain as its file holds it. */
export function trustChainText(chain: readonly Envelope[]): string {
  return `[\n${chain.map(envelope => fromUtf8(encodeEnvelope(envelope))).join(',\n')}\n]\n`
}

/**
 * Replaces a file that others may be about to replace as well, whole or not at all, whatever happens to the host. `content` is asked when nobody
 * else can write, so that it can look at what is there now. Throws a UsageError while another process writes.
 */
export function replaceExclusively(file: string, content: () => string | Uint8Array, mode = 0o644): void {
  const fresh = `${file}.new`
  const descriptor = openExclusively(fresh, mode)
  try {
    try {
      writeFileSync(descriptor, content())
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(fresh, file)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** ATTACK: a link in its place, so that what lies elsewhere is written over. */
function openExclusively(fresh: string, mode: number): number {
  try {
    return openSync(fresh, 'wx', mode)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EEXIST'
      ? new UsageError(
          `${fresh} is being written`,
          'Wait for the other command; remove the file where none runs.',
        )
      : new UsageError(`${fresh} can’t be written (${code})`, 'Check the path.')
  }
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
