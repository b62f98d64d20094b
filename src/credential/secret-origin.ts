import type { CredentialSpec } from '../policy/index.js'

/** The origin that a vault entry must list: of AWS, the services see signatures by another secret, and STS alone those by this one. */
export function secretGoesTo(spec: CredentialSpec, origin: string): string {
  return spec.minter === 'aws-sts' ? spec.endpoint : origin
}
