import type { JsonObject } from '../canon/index.js'
import type { GrantRefusal } from '../link/index.js'
import type { CredentialSpec } from '../policy/index.js'
import type { CredentialScope, Header, Operation, Slot } from '../protocol/index.js'
import type { Material } from './material.js'

export type MinterKind = CredentialSpec['minter']
export type SpecOf<K extends MinterKind> = Extract<CredentialSpec, { readonly minter: K }>

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
  /** Origin that this credential will be sent to; the vault entry must list it, unless its secret only ever goes to another (`aws-sts`). */
  readonly origin: string
  /** The sealed policy names a private upstream for this API (`PolicyApi.privateUpstream`). */
  readonly privateUpstream: boolean
  readonly policyCid: string
  readonly nowMs: number
}

/** One request as it goes upstream, for a credential that signs instead of being shown. */
export interface OutboundRequest {
  readonly method: string
  /** `https://ec2.eu-west-1.amazonaws.com` */
  readonly origin: string
  /** Raw target, exactly as sent. */
  readonly target: string
  /** Sent beside what `sign` answers; all of them are signed. */
  readonly headers: readonly Header[]
  /** Lower-case hex of the body's SHA-256, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string
  /** Signing name of the service and region of the endpoint. */
  readonly service: string
  readonly region: string
  readonly nowMs: number
}

/** A credential for the upstream. `headers` hold the secret; everything else may be written in a receipt. */
export interface MintedCredential {
  readonly minter: string
  /** What it is good for, in words without secrets: `environment 7c9e… of project 3f…`. */
  readonly scope: string
  readonly expiresMs: number
  readonly headers: readonly Header[]
  /** Where the secret itself never goes out: the headers that sign one request with it. Pure. */
  readonly sign?: (request: OutboundRequest) => readonly Header[]
  /** Ends it at the upstream, where the API can. */
  readonly revoke?: () => Promise<void>
}

/** What a minter works from. `material` was checked to be of the spec's kind. */
export interface MintOrder<K extends MinterKind = MinterKind> {
  readonly scope: MintScope
  readonly spec: SpecOf<K>
  readonly material: Material<K>
  /** Origins that the vault entry may be used for; the one that the secret itself goes to is among them. */
  readonly origins: readonly string[]
}

/** Tokens of an earlier life that a minter looks for at start. */
export interface ReapOrder<K extends MinterKind = MinterKind> {
  readonly spec: SpecOf<K>
  readonly material: Material<K>
  readonly origin: string
  readonly privateUpstream: boolean
  readonly nowMs: number
}

/** One way to make a credential. Faults are `credentialErrors`; a fault means the request isn't sent. */
export interface Minter<K extends MinterKind = MinterKind> {
  /** The part of the scope that the credential is narrowed to: two orders with the same answer share one. Throws `credential_insufficient`. */
  dependsOn(order: MintOrder<K>): string
  /** `mintId` is the id that the credential's `mint` entry will have, for an upstream whose own log can name it. */
  mint(order: MintOrder<K>, mintId: string): Promise<MintedCredential>
  /** Ends expired credentials that an earlier run of this sidecar left behind, and none else; returns how many. */
  reap?(order: ReapOrder<K>): Promise<number>
}

/** What the ledger's `mint` entry says: everything about a credential but its secret. */
export interface MintRecord {
  /** UUID of the entry, which attempts cite. */
  readonly id: string
  readonly minter: string
  readonly credential: string
  readonly api: string
  readonly account: string | null
  readonly scope: string
  readonly expiresMs: number
  readonly agent: MintScope['agent']
  readonly policyCid: string
}

/** A credential whose `mint` entry is durable. */
export interface RecordedCredential extends MintedCredential {
  /** Id of its entry, for attempts to cite. */
  readonly mint: string
}

/** The keeper's way to credentials: cached per scope, single flight, renewed before expiry, failing closed. */
export interface CredentialBroker {
  obtain(scope: MintScope): Promise<RecordedCredential>
  /** Revokes and forgets what was minted for the agents or tasks that match; all of it where neither is named. */
  revoke(match: { readonly agent?: string; readonly task?: string }): Promise<void>
  /** Ends what an earlier run left behind; returns how many. Call once at start, for every API of the policy with a credential. */
  reap(
    orders: readonly Pick<MintScope, 'credential' | 'spec' | 'origin' | 'privateUpstream'>[],
  ): Promise<number>
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
  /** Whose word the grant stands on, where it isn't one of this sidecar's own. */
  readonly identity?: { readonly issuer: string; readonly subject: string }
}

export type GrantVerdict =
  | { readonly kind: 'grant'; readonly grant: Grant }
  | { readonly kind: 'refused'; readonly code: GrantRefusal }
  /** Everything but that it has ended was good: what is refused may be told to its agent. `noted`: that it was issued is in the log. */
  | { readonly kind: 'ended'; readonly code: GrantRefusal; readonly grant: Grant; readonly noted: boolean }

export interface GrantVerifier {
  /** Never throws. */
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
  /** Throws `grant_order_invalid`. */
  issue(order: GrantOrder, nowMs: number): Promise<{ readonly token: string; readonly grant: Grant }>
}

/** What an agent signs its AWS requests with: the access key id is the grant's `jti`, the session token the grant itself. */
export interface AwsGrantKeys {
  /** The secret access key of a grant that is issued now, 43 characters of base64url. For the grant's owner alone: never logged, never in the ledger. */
  secretOf(jti: string): string
  /**
   * What this grant's secret signs with for one day, region and service, 32 bytes; see `signingKey` of SigV4. One for
   * each grant key whose grants still live, the one in force first. Remembered, within a bound.
   */
  signingKeys(jti: string, scope: CredentialScope): readonly Uint8Array[]
}
