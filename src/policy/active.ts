import type { JsonObject } from '../canon/index.js'
import type { Catalog, Operation } from '../protocol/index.js'
import type { Budget } from './budget.js'
import type { EvidenceBounds } from './evidence.js'
import type { Passkey } from './passkey.js'
import type { ProbeQuestion, ProbeResult } from './probe.js'
import type { RuleSummary } from './rule-summary.js'

/** A sealed policy that was opened, verified and indexed: everything that enforces comes from here. */
export interface ActivePolicy {
  /** Content id of the payload, `sha256:…`. */
  readonly cid: string
  readonly name: string
  readonly version: number
  /** Unix milliseconds; from then on every decision is a deny. */
  readonly expiresMs: number
  readonly audience: readonly string[]
  readonly apis: ReadonlyMap<string, PolicyApi>
  readonly agents: ReadonlyMap<string, PolicyAgent>
  readonly credentials: ReadonlyMap<string, CredentialSpec>
  readonly approvers: ReadonlyMap<string, ApproverGroup>
  /** Its rules in words, in their order. They enforce nothing; `decide` does. */
  readonly rules: readonly RuleSummary[]
  /** How far witnesses and shipping may fall behind before nothing more is admitted. */
  readonly evidence: EvidenceBounds
  /** Every limit, by the id that its counters begin with. */
  readonly budgets: ReadonlyMap<string, Budget>
  /** The one place where a request is decided. Pure: same input, same decision. Never throws. */
  decide(input: DecisionInput): Decision
  /** What the rules that a request meets want to be asked of its upstream before it is decided. Pure; never throws. */
  questions(input: DecisionInput): readonly ProbeQuestion[]
  /** The rules that a request meets on its way, whether they decide or not. Pure; never throws. */
  fitting(input: DecisionInput): readonly FittingRule[]
  /** What the rule that decided was met by although the request doesn't name it, in words. Pure; never throws. */
  leftOpen(input: DecisionInput, decision: Decision): readonly string[]
  /** Index of the decisive operation's resource that a refusal is about, see `tellingResource`. Pure; never throws. */
  tellingResource(input: DecisionInput, decision: Decision): number
}

/** A rule that fits one operation by agent, selector and window. */
export interface FittingRule {
  readonly rule: string
  readonly effect: Effect
  /** Index of the operation. */
  readonly operation: number
  /** What its condition says; null where it has none. */
  readonly when: 'yes' | 'no' | 'error' | null
  /** Name of its probe; null where it has none. */
  readonly probe: string | null
  /** True where its limit adds an argument up. */
  readonly sums: boolean
}

export interface PolicyApi {
  readonly name: string
  readonly catalog: Catalog
  /** Content id of the catalog document that the policy pins. */
  readonly catalogDigest: string
  /** Origins by label (see `ApiProfile.origins`), the policy's `upstream` standing for `default`. */
  readonly origins: Readonly<Record<string, string>>
  /** Key of `credentials`; null where the API needs none. */
  readonly credential: string | null
  /** What its upstream is asked with, by rules that have a probe; null where the policy says nothing of it. */
  readonly probes: PolicyProbes | null
  /** True where the policy itself names a private, loopback or link-local upstream; only then may one be dialled. */
  readonly privateUpstream: boolean
  /** Wait for the high-water mark before an answer leaves. */
  readonly awaitMark: boolean
  /** Some of the origins are stand-ins that the policy names; see `requireHttps`. */
  readonly testEndpoints: boolean
}

export interface PolicyProbes {
  /** Key of `credentials`: one that no request of an agent is sent with. */
  readonly credential: string
  /** What probes want the policy to say, by name. */
  readonly given: Readonly<Record<string, string>>
}

export interface PolicyAgent {
  readonly id: string
  readonly environment: string
  /** Longest time from a session’s first grant to its last renewal, in seconds. */
  readonly sessionSeconds: number
  readonly identities: readonly AgentIdentity[]
  /** Free facts for `when` (`agent.facts`). */
  readonly facts: JsonObject
  /** Unix milliseconds until which the agent observes: see `observe.ts`. Null where everything is enforced. */
  readonly observeUntilMs: number | null
}

export type AgentIdentity =
  | { readonly kind: 'grant' }
  | { readonly kind: 'issuer'; readonly issuer: string; readonly subject: string }

export type ApproverKey = { readonly ed25519: string } | { readonly passkey: Passkey }

export interface ApproverGroup {
  readonly name: string
  /** Approver's name → `ed25519:…` key, or a passkey. */
  readonly keys: Readonly<Record<string, ApproverKey>>
  readonly threshold: number
  readonly expiresSeconds: number
}

/** What a credential's name means; sealed with the policy. One member of the union per minter. */
export type CredentialSpec =
  | {
      readonly minter: 'jwt'
      readonly audience: string
      readonly ttlSeconds: number
      readonly alg: 'ES256' | 'Ed25519'
    }
  | {
      readonly minter: 'railway-project-token'
      readonly project: string
      readonly environment: string
      readonly ttlSeconds: number
    }
  | { readonly minter: 'stripe-restricted-key'; readonly livemode: boolean }
  | {
      readonly minter: 'github-app'
      readonly app: string
      readonly installation: string
      readonly repositories?: readonly string[]
    }
  | {
      readonly minter: 'oauth2'
      readonly tokenUrl: string
      readonly clientId: string
      readonly scopes: readonly string[]
      readonly audience?: string
    }
  | { readonly minter: 'static'; readonly header: string; readonly prefix: string }
  | {
      readonly minter: 'aws-sts'
      readonly role: string
      readonly region: string
      /** Origin of the STS that is asked; any other than `stsEndpoint` is for tests. */
      readonly endpoint: string
    }

export interface DecisionInput {
  readonly agent: {
    readonly id: string
    readonly environment: string
    readonly task: string
    readonly owner: string
  }
  /** The grant's own narrowing (RFC 9396); null where the grant has none. An operation outside it is denied. */
  readonly authorizationDetails: readonly JsonObject[] | null
  readonly request: { readonly api: string; readonly method: string; readonly target: string }
  /** Never empty. */
  readonly operations: readonly Operation[]
  readonly nowMs: number
  /** Time of the newest ledger entry; a clock behind it denies. */
  readonly lastEntryMs: number
  /** What became of the questions to the upstream; null where none was asked. */
  readonly probe: readonly ProbeResult[] | null
  /** Amount already reserved under a limit within its window. */
  readonly usage: (limit: LimitWindow) => number
}

/** Identifies one counter: a limit for one agent, whatever the task, so that a new task is no new allowance; and `limits.perTask` for one task. */
export interface LimitWindow {
  /** `rule-id/agent`, stable across restarts; see `counterKey`. */
  readonly key: string
  /** Sliding window in milliseconds, or a calendar day in UTC. */
  readonly window: { readonly kind: 'sliding'; readonly ms: number } | { readonly kind: 'day' }
}

/** What admitting would add to a limit's counter; made durable with the attempt. Amounts are integers (minor units are not converted). */
export interface Reservation extends LimitWindow {
  readonly amount: number
}

export type Effect = 'allow' | 'hold' | 'deny'

/** The answer for a whole request. `code` is stable and listed in docs/errors.md. */
export interface Decision {
  readonly effect: Effect
  readonly code: DecisionCode
  /** Smallest id of the rules that decided; null where no rule did. */
  readonly rule: string | null
  /** The rule's `because`; null where there is none. */
  readonly because: string | null
  /** Approver groups that must all sign; empty unless held. */
  readonly approvers: readonly string[]
  /** Counters of every limit that was looked at, over or not. */
  readonly counted: readonly LimitWindow[]
  /** To be reserved when the request is admitted; empty unless allowed or held. */
  readonly reservations: readonly Reservation[]
  /** Index of the operation that decided, for the message to the agent. */
  readonly decisive: number
  /** Milliseconds until an exceeded limit frees; null unless `over_limit`. */
  readonly retryAfterMs: number | null
}

export type DecisionCode =
  | 'allowed'
  | 'observed'
  | 'denied_by_rule'
  | 'no_matching_rule'
  | 'unknown_operation'
  | 'approval_required'
  | 'over_limit'
  | 'outside_grant'
  | 'policy_expired'
  | 'clock_behind'
