import type { ActivePolicy } from './active.js'
import { policyFault } from './error-table.js'
import { stsEndpoint } from './sts-endpoint.js'
import type { TrustRoot } from './trust.js'

/**
 * Production speaks HTTPS, and to the real thing, only: throws `upstream_plaintext` where the policy names a plain
 * `http://` origin or token endpoint, `upstream_stand_in` where it names stand-ins for AWS or for its STS, and the
 * audience is not one of the trust root's test audiences.
 */
export function requireHttps(policy: ActivePolicy, trust: TrustRoot, audience: string): void {
  if (trust.testAudiences.includes(audience)) return
  const origins = [...policy.apis.values()].flatMap(api => Object.values(api.origins))
  const specs = [...policy.credentials.values()]
  const tokenUrls = specs.flatMap(spec => (spec.minter === 'oauth2' ? [spec.tokenUrl] : []))
  const plain = [...origins, ...tokenUrls].find(url => !url.startsWith('https://'))
  if (plain !== undefined) throw policyFault('upstream_plaintext', plain)
  const standIn = [...policy.apis.values()].find(api => api.testEndpoints)
  if (standIn !== undefined) throw policyFault('upstream_stand_in', `apis.${standIn.name}`)
  for (const spec of specs) {
    if (spec.minter === 'aws-sts' && spec.endpoint !== stsEndpoint(spec.role, spec.region))
      throw policyFault('upstream_stand_in', spec.endpoint)
  }
}
