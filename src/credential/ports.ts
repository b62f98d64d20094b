import type { JsonObject } from '../canon/index.js'
import type { CredentialSpec } from '../policy/index.js'
import type { Header, Operation, Slot } from '../protocol/index.js'

/** Who asks, for what: the whole scope of one minted credential. */
export interface MintScope {
  readonly agent: {
    readonly id: string
    readonly environment: string
    readonly task: string
    readonly owner: string
  }
  readonly api: string
  readonly account: string | null
  /** Name in the sealed policy's `credentials`; the vault entry has the same name. */
  readonly credential: string
  readonly spec: CredentialSpec
  /** All operations of the request. */
  readonly operations: readonly Operation[]
  /** Origin that this credential will be sent to; the vault entry must list it. */
  readonly origin: string
  readonly policyCid: string
  readonly nowMs: number
}

/** A credential for the upstream. `headers` hold the secret; everything else may be written in a receipt. */
export interface MintedCredential {
  readonly minter: string
  /** What it is good for, in words without secrets: `environment 7c9e… of project 3f…`. */
  readonly scope: string
  readonly expiresMs: number
  readonly headers: readonly Header[]
  /** Ends it at the upstream, where the API can. */
  readonly revoke?: () => Promise<void>
}

/** One way to make a credential. Faults are `credentialErrors`; a fault means the request isn't sent. */
export interface Minter {
  mint(scope: MintScope): Promise<MintedCredential>
}

/** The keeper's way to credentials: cached per scope, single flight, renewed before expiry, failing closed. */
export interface CredentialBroker {
  obtain(scope: MintScope): Promise<MintedCredential>
  /** Revokes and forgets what was minted for the agents or tasks that match. */
  revoke(match: { readonly agent?: string; readonly task?: string }): Promise<void>
  /** Revokes what can be revoked; called at a graceful stop. */
  close(): Promise<void>
}

/** A grant whose signature, audience, times and slot were checked. */
export interface Grant {
  readonly agent: string
  readonly environment: string
  readonly task: string
  /** The person the agent acts for. */
  readonly owner: string
  readonly jti: string
  readonly expiresMs: number
  /** RFC 9396; null where the grant has none. */
  readonly authorizationDetails: readonly JsonObject[] | null
}

export type GrantVerdict =
  | { readonly kind: 'grant'; readonly grant: Grant }
  | { readonly kind: 'refused'; readonly code: string }

export interface GrantVerifier {
  /** Codes: `grant_malformed grant_signature grant_audience grant_expired grant_slot grant_revoked`. Never throws. */
  verify(token: string, slot: Slot, nowMs: number): Promise<GrantVerdict>
}

export interface GrantOrder {
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  /** One of the slots; a token for one isn't accepted in another, `bearer` and `countersign-grant` apart (one slot `bearer`). */
  readonly slot: Slot
  /** At most 3,600. */
  readonly ttlSeconds: number
  readonly authorizationDetails?: readonly JsonObject[]
}

export interface GrantIssuer {
  issue(order: GrantOrder, nowMs: number): Promise<{ readonly token: string; readonly grant: Grant }>
}
