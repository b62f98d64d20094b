import type { CatalogDocument, Header, Recognised, Slot } from '../protocol/index.js'
import type { OutcomeStatus } from '../receipt/index.js'

/**
 * Everything that can pass between a gate and the keeper. There is no message that asks for a credential: the
 * only way to one is an `admit` that the keeper decided and made durable.
 */
export type GateMessage = Hello | AdmitRequest | SettleRequest | WatchRequest
export type KeeperMessage =
  | Welcome
  | PolicyUpdate
  | ShippingUpdate
  | WitnessUpdate
  | FullCheckUpdate
  | AdmitReply
  | SettleReply
  | WatchReply
  | CutOrder
  | LinkFault

export interface Hello {
  readonly type: 'hello'
  readonly protocol: 1
  /** UUID of this gate process; its open attempts are closed when its connection ends. */
  readonly gate: string
}

export interface Welcome {
  readonly type: 'welcome'
  /** Origin of the log with its epoch, for the anchor header. */
  readonly origin: string
  /** Null while no policy is in force: the gate answers 503. */
  readonly policy: PolicyView | null
  /** Unix milliseconds: when the certificate over this sidecar’s keys ends. */
  readonly enrolmentExpiresMs: number
}

export interface PolicyUpdate {
  readonly type: 'policy'
  readonly policy: PolicyView | null
}

/** How far the ledger's copies are, for the gate's metrics; sent when it changed. */
export interface ShippingUpdate {
  readonly type: 'shipping'
  readonly sinks: readonly SinkReading[]
}

export interface SinkReading {
  readonly name: string
  /** Entries that the place has. */
  readonly shipped: number
  readonly lagEntries: number
  /** Age of the oldest entry that it hasn't. */
  readonly lagSeconds: number
  readonly failing: boolean
}

/** What witnesses have cosigned of the ledger, for the gate's metrics; sent when it changed. */
export interface WitnessUpdate {
  readonly type: 'witnesses'
  readonly reading: WitnessReading
}

export interface WitnessReading {
  /** Entries that a quorum has cosigned; null where none has yet. */
  readonly witnessed: number | null
  /** How far that is behind the head; null where nothing is witnessed. */
  readonly lag: { readonly entries: number; readonly seconds: number } | null
  readonly witnesses: readonly { readonly name: string; readonly failing: boolean }[]
}

/** How far the reading of the whole ledger is, for the gate's metrics; sent when it changed. */
export interface FullCheckUpdate {
  readonly type: 'full-check'
  readonly reading: FullCheckReading
}

export interface FullCheckReading {
  /** Entries that the keeper's start found, and how many of them were read. */
  readonly size: number
  readonly entries: number
  /** It can't be done, or not to its end. */
  readonly failing: boolean
  /** Unix milliseconds of the last one that found every entry sound; null where there was none. */
  readonly soundMs: number | null
}

/** The part of the sealed policy that the gate needs to classify and forward. No rule, no secret. */
export interface PolicyView {
  readonly cid: string
  readonly version: number
  /** Unix milliseconds; every decision denies from then on. */
  readonly expiresMs: number
  readonly apis: readonly ApiView[]
}

export interface ApiView {
  readonly name: string
  readonly catalog: CatalogDocument
  readonly origins: Readonly<Record<string, string>>
  /** The sealed policy names a private upstream for this API. */
  readonly privateUpstream: boolean
}

export interface AdmitRequest {
  readonly type: 'admit'
  /** Correlates the reply; chosen by the gate, unique among its open calls. */
  readonly call: number
  /** Policy that the gate classified with; empty where it refused before it knew the API. */
  readonly policyCid: string
  /** Empty where the target named no API. */
  readonly api: string
  readonly method: string
  /** Raw target as received, API prefix off; bounded by the gate. It is committed to, never written in clear. */
  readonly target: string
  readonly presented: { readonly slot: Slot; readonly token: string } | null
  /** Only in the slot `aws-sigv4`: what the client signed, and what would be signed anew. */
  readonly signed: SignedRequest | null
  /** Names of headers or places that carried a credential which is not a grant; never a value. */
  readonly foreign: readonly string[]
  readonly body: BodySummary
  readonly classifier: string
  readonly finding: Finding
}

/**
 * A request that its client signed with AWS Signature Version 4. The keeper alone can tell whether the signature is
 * good, and makes the one that goes upstream. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export interface SignedRequest {
  /** Where the signature stood: in Authorization, or in the query of a presigned URL. */
  readonly place: 'header' | 'query'
  /**
   * Raw target as the client signed it: the API's prefix in front where it was addressed by one, and all of a presigned
   * query. The keeper takes off the same prefix and parameters and must arrive at `AdmitRequest.target`.
   */
  readonly target: string
  /** `20260422T101500Z` */
  readonly date: string
  /** Only of a presigned URL. */
  readonly expiresSeconds: number | null
  readonly accessKeyId: string
  readonly region: string
  readonly service: string
  /** 64 lower-case hex digits. */
  readonly signature: string
  /** The headers that were signed, lower-case and in canonical order, with their values as they came. */
  readonly headers: readonly Header[]
  /** Payload hash as it was signed: 64 hex digits, `UNSIGNED-PAYLOAD`, `STREAMING-…`. */
  readonly payload: string
  /** SHA-256 hex of the body as it came, before Content-Encoding was taken off; null unless it was read whole. */
  readonly receivedSha256: string | null
  /** What goes upstream beside the credential's own headers; every one of them is signed. */
  readonly outbound: readonly Header[]
}

export type BodySummary =
  | { readonly kind: 'none' }
  | { readonly kind: 'inspected'; readonly sha256: string; readonly lengthBytes: number }
  | { readonly kind: 'streamed' }

export type Finding =
  | { readonly kind: 'operations'; readonly operations: readonly Recognised[] }
  /** The gate refuses by itself; the keeper records it, after which the gate answers. */
  | { readonly kind: 'refused'; readonly code: string }

/** `receipt` is durable when the reply is sent. */
export interface AdmitReply {
  readonly type: 'admitted'
  readonly call: number
  readonly verdict: Verdict
  /** Null only where the refusal was counted in a `suppressed` entry. */
  readonly receipt: ReceiptAnchor | null
}

/** Why a request passes: a rule lets it, people have agreed, or no rule admits it but its agent observes. */
export type AdmissionCode = 'allowed' | 'approved' | 'observed'

export type Verdict =
  | {
      readonly kind: 'forward'
      readonly code: AdmissionCode
      /** UUIDv7 of the attempt. */
      readonly attempt: string
      /** Headers with the minted credential, for the upstream only. */
      readonly headers: readonly Header[]
      /** Limits that this request counts under, itself included. */
      readonly budgets: readonly BudgetReading[]
      /** Wait for the settle reply before the agent's answer ends. */
      readonly awaitMark: boolean
      /**
       * Base64 of the key that the client signed this request with, where it signs each chunk of the body as well: good
       * for its date, region and service, and for nothing that the client itself couldn't sign.
       */
      readonly chunkKey: string | null
    }
  | {
      readonly kind: 'refuse'
      /** A decision code or a code of an error table. */
      readonly code: string
      readonly effect: 'hold' | 'deny'
      readonly rule: string | null
      readonly because: string | null
      /** Operation that decided, in words: name and the resource that it is about; empty where none was recognised. */
      readonly operation: string
      readonly resource: string
      /** How many more it names. */
      readonly others: number
      readonly agent: string
      readonly approval: string | null
      readonly retryAfterMs: number | null
      /** Limits that it would have counted under. */
      readonly budgets: readonly BudgetReading[]
    }
  /** The gate classified with a policy that is no longer in force: it takes the new one and asks again. */
  | { readonly kind: 'stale' }

/** A limit as far as the agent itself has used it; never another agent's. */
export interface BudgetReading {
  /** Id of the rule; `limits.perAgent` and `limits.perTask` are those of the whole policy. */
  readonly rule: string
  readonly limit: number
  readonly used: number
  /** Of an amount, `amount` where the policy names none; null where operations are counted. */
  readonly unit: string | null
  readonly windowSeconds: number
  /** Until the first of what is used counts no more. */
  readonly resetsSeconds: number
}

export interface ReceiptAnchor {
  readonly seq: number
  /** 64 hex digits. */
  readonly leaf: string
}

export interface SettleRequest {
  readonly type: 'settle'
  readonly call: number
  /** `seq` of the attempt. */
  readonly attempt: number
  readonly status: Exclude<OutcomeStatus, 'indeterminate'>
  readonly http: number
  readonly upstreamId: string | null
  /** SHA-256 hex of what was streamed upstream; null unless the body was streamed. */
  readonly bodySha256: string | null
  readonly responseSha256: string | null
  readonly responseBytes: number
}

export interface SettleReply {
  readonly type: 'settled'
  readonly call: number
  /** False where the attempt was already closed. */
  readonly recorded: boolean
}

/**
 * Asks to be told, once, when people have decided about an approval. The answer decides nothing: the gate asks for the
 * request again, as its agent would by repeating the call.
 */
export interface WatchRequest {
  readonly type: 'watch'
  readonly call: number
  /** Id of the approval, from a verdict that held a request. */
  readonly approval: string
}

export interface WatchReply {
  readonly type: 'watched'
  readonly call: number
  readonly change: WatchedChange
}

/**
 * `changed`: asked again, the request gets another answer. `ended`: the approval was used or has expired. `unwatched`:
 * the keeper can't say any more.
 */
export type WatchedChange = 'changed' | 'ended' | 'unwatched'

/** Ends what is under way: these attempts of this gate belong to something that was halted. Each is settled as ever. */
export interface CutOrder {
  readonly type: 'cut'
  /** `seq` of each. */
  readonly attempts: readonly number[]
  /** Why it was halted, in a person's words. */
  readonly because: string | null
}

export interface LinkFault {
  readonly type: 'fault'
  /** Null where the whole connection is at fault; it is closed after this. */
  readonly call: number | null
  readonly code: string
}
