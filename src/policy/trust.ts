/**
 * The trust root: which keys may say what. Pinned by digest in the configuration; each version is signed by
 * the root keys of the one before (the first by its own). Payload of a DSSE envelope, JCS.
 */
export interface TrustRoot {
  readonly v: 1
  readonly version: number
  /** Content id of the payload of the version before; null for the first. */
  readonly previous: string | null
  /** Key name → `ed25519:…`. */
  readonly keys: Readonly<Record<string, string>>
  readonly roles: Readonly<
    Record<TrustRole, { readonly keys: readonly string[]; readonly threshold: number }>
  >
  /** Revoked `ed25519:…` keys and content ids. */
  readonly revoked: { readonly keys: readonly string[]; readonly ids: readonly string[] }
  readonly minPolicyVersion: number
  /** Audiences that are not production: only these may use a test endpoint, first-run keys or one user for both processes. */
  readonly testAudiences: readonly string[]
}

export const TRUST_ROLES = ['root', 'policy', 'enrol', 'operate', 'recover'] as const
export type TrustRole = (typeof TRUST_ROLES)[number]

/** Payload of an enrolment: certifies an instance's keys for one origin. Signed by the `enrol` role. */
export interface Enrolment {
  readonly v: 1
  /** `<domain>/countersign/<sidecar>`: the epoch is added by the ledger. */
  readonly origin: string
  /** `ed25519:…` keys. */
  readonly keys: { readonly receipt: string; readonly checkpoint: string; readonly grant: string }
  /** RFC 3339, UTC. */
  readonly notBefore: string
  readonly notAfter: string
}
