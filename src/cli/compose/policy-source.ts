import { type Log, policyFetch, policyFiles, policyUrl, type SealedSource } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import { activate, openPolicy, openTrustRoot, requireHttps, type TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { readNeeded } from '../needed-file.js'
import { policyLocation } from '../policy-location.js'

/** Where the keeper's trust root and policy come from, as the configuration says. Throws `policy_plaintext`. */
export function policySource(loaded: LoadedConfig, trust: TrustRoot, log: Log): SealedSource {
  const { config, path } = loaded
  const location = policyLocation(loaded)
  const parts: Omit<Parameters<typeof policyFiles>[0], 'sealedFile'> = {
    trustRootFile: path(config.trust.root),
    crypto: nativeCrypto,
    openTrust: chain => openTrustRoot(chain, config.trust.pin, nativeCrypto),
    openSealed: (bytes, against) =>
      openPolicy(bytes, { ...against, crypto: nativeCrypto, audience: config.audience }),
    activate: (payload, cid, catalogs, root) => {
      const policy = activate(payload, cid, catalogs, nativeCrypto)
      requireHttps(policy, root, config.audience)
      return policy
    },
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
