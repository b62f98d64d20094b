import type { ActivePolicy } from './active.js'
import { policyFault } from './error-table.js'
import type { TrustRoot } from './trust.js'

/**
 * Production speaks HTTPS, and to the real thing, only: throws `upstream_plaintext` where the policy names a plain
 * `http://` origin or token endpoint, `test_endpoint` where it names stand-ins for AWS, and the audience is not one of
 * the trust root's test audiences.
 */
export function requireHttps(policy: ActivePolicy, trust: TrustRoot, audience: string): void {
  if (trust.testAudiences.includes(audience)) return
  const origins = [...policy.apis.values()].flatMap(api => Object.values(api.origins))
  const tokenUrls = [...policy.credentials.values()].flatMap(spec =>
    spec.minter === 'oauth2' ? [spec.tokenUrl] : [],
  )
  const plain = [...origins, ...tokenUrls].find(url => !url.startsWith('https://'))
  if (plain !== undefined) throw policyFault('upstream_plaintext', plain)
  const standIn = [...policy.apis.values()].find(api => api.testEndpoints)
  if (standIn !== undefined) throw policyFault('test_endpoint', `apis.${standIn.name}`)
}
