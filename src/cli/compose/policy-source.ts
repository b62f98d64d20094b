import { join } from 'node:path'
import {
  KEPT_POLICIES,
  keepingPolicies,
  type Log,
  policyFetch,
  policyFiles,
  policyUrl,
  type SealedSource,
} from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  activate,
  openPolicy,
  openTrustChain,
  policyFault,
  refuseLongObserving,
  requireHttps,
  requireSeen,
  type TrustRoot,
} from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { readNeeded } from '../needed-file.js'
import { policyLocation } from '../policy-location.js'

/**
 * Where the keeper's trust root and policy come from, as the configuration says; `instanceKeys` are those of the sidecar
 * now, `ed25519:…`. Throws `policy_plaintext`.
 */
export function policySource(
  loaded: LoadedConfig,
  trust: TrustRoot,
  log: Log,
  instanceKeys: () => readonly string[],
): SealedSource {
  const { config, path } = loaded
  const location = policyLocation(loaded)
  const kept = join(path(config.ledger.dir), KEPT_POLICIES)
  const parts: Omit<Parameters<typeof policyFiles>[0], 'sealedFile'> = {
    trustRootFile: path(config.trust.root),
    crypto: nativeCrypto,
    openTrust: (chain, seen) => {
      const versions = openTrustChain(chain, config.trust.pin, nativeCrypto)
      requireSeen(versions, config.trust.pin, seen, nativeCrypto)
      return versions.at(-1) as TrustRoot
    },
    openSealed: (bytes, against) => {
      refuseRevoked(instanceKeys(), against.trust)
      return openPolicy(bytes, { ...against, crypto: nativeCrypto, audience: config.audience })
    },
    // All that can be said against a policy is said here, before it is kept, or cached, as the last good one.
    activate: (payload, cid, catalogs, against) => {
      const policy = activate(payload, cid, catalogs, nativeCrypto)
      requireHttps(policy, against.trust, config.audience)
      refuseLongObserving(policy, against.nowMs)
      return policy
    },
    keep: keepingPolicies(kept, log),
  }
  if (location.kind === 'file') return policyFiles({ ...parts, sealedFile: location.file })
  // Nothing that comes over it is believed, but a policy says what is allowed, and whoever sits on the line
  // could read that, and hold a newer version back, without a trace.
  if (location.url.startsWith('http:') && !trust.testAudiences.includes(config.audience))
    throw cliFault('policy_plaintext', new URL(location.url).host)
  return policyUrl({
    ...parts,
    url: location.url,
    cacheFolder: location.cache,
    everyMs: location.everyMs,
    fetch: policyFetch(location.ca === null ? {} : { ca: readNeeded(location.ca).toString('utf8') }),
    clock: { nowMs: Date.now },
    log,
    random: Math.random,
  })
}

/** ATTACK: the keys of a sidecar are stolen while it runs. Once they are revoked no policy opens here, and none stays in force. */
function refuseRevoked(keys: readonly string[], trust: TrustRoot): void {
  const revoked = keys.find(key => trust.revoked.keys.includes(key))
  if (revoked !== undefined) throw policyFault('enrolled_key_revoked', revoked)
}
