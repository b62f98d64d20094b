import type {
  AttemptAgent,
  AttemptBody,
  AttemptOperation,
  AttemptProbe,
  OutcomeStatus,
  Verification,
} from '../../receipt/index.js'
import type { Question } from '../question.js'
import type { VerdictWords } from '../verdict-text.js'
import type { Seal } from './seals.js'

/**
 * What a log or a bundle tells about one incident; `receipts report --json` writes it, docs/receipts.md lists it. Every time
 * is in Unix milliseconds, every `seq` the number of an entry. Every text may be a stranger's: show it, never run it.
 */
export interface IncidentReport {
  readonly v: 1
  readonly kind: typeof REPORT_KIND
  /** Where it was read from. */
  readonly source: string
  readonly chain: string | null
  /** The time that `still` is about; entries behind it are not told. */
  readonly at: number
  readonly question: Question
  /** The verification's own answer comes first: without it the rest is hearsay. */
  readonly verdict: IncidentVerdict
  readonly summary: IncidentSummary
  /** Refused and held attempts by what decided them, the most frequent first. */
  readonly decided: readonly DecidedBy[]
  /** Attempts with an operation of each class; one of several classes counts for each. */
  readonly classes: readonly ClassTotal[]
  /** Admitted attempts that did more than read, create or update. */
  readonly passed: Listed<AttemptStep>
  readonly authority: { readonly policies: readonly PolicyInForce[]; readonly grants: Listed<GrantHeld> }
  readonly approvals: Listed<ApprovalAsked>
  readonly still: StillDangerous
  readonly timeline: Listed<Step>
}

export const REPORT_KIND = 'application/vnd.countersign.report.v1+json'

/** The first ones, and how many more there are. */
export interface Listed<T> {
  readonly shown: readonly T[]
  readonly more: number
}

export interface IncidentVerdict extends VerdictWords {
  readonly of: 'log' | 'bundle'
  readonly sound: boolean
  /** True where the keys came from outside of the evidence. */
  readonly pinned: boolean
  readonly witnessedT: Verification['witnessedT']
}

export interface IncidentSummary {
  readonly attempts: number
  readonly admitted: number
  readonly held: number
  readonly refused: number
  /** Of the first and the last attempt; null where there is none. */
  readonly firstT: number | null
  readonly lastT: number | null
  /** Attempts whose list of resources was cut, so that it can't be told whether they fit; they are in. */
  readonly uncertain: number
  /** Refusals of requests without a valid grant that were counted and not written one by one, in the time asked about. */
  readonly suppressed: number
}

export interface DecidedBy {
  readonly effect: 'hold' | 'deny'
  readonly rule: string | null
  readonly code: string
  /** The rule's own words; null where the sealed policy is not at hand, or has none. */
  readonly because: string | null
  readonly count: number
  readonly firstSeq: number
  readonly lastSeq: number
}

export interface ClassTotal {
  readonly class: string
  readonly admitted: number
  readonly held: number
  readonly refused: number
}

export interface PolicyInForce {
  readonly cid: string
  readonly version: number
  /** Null where the sealed policy is not at hand. */
  readonly name: string | null
  readonly seal: Seal
  /** Where and when it came into force for the first attempt that cites it; null where that entry is not here. */
  readonly activated: { readonly seq: number; readonly t: number } | null
  readonly attempts: number
}

export interface GrantHeld {
  readonly jti: string
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly slot: string | null
  /** Who ordered it; null where the entry doesn't say. */
  readonly by: string | null
  /** Content id of the signed order. */
  readonly order: string | null
  /** First grant of a chain of renewals. */
  readonly session: string | null
  /** Null where its entry is not here. */
  readonly issued: { readonly seq: number; readonly t: number } | null
  readonly expires: number | null
  readonly revoked: { readonly seq: number; readonly t: number; readonly by: string | null } | null
  readonly attempts: number
}

export interface ApprovalAsked {
  readonly id: string
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly policy: string
  readonly rule: string | null
  readonly expires: number
  /** As far as the log tells: `requested`, then `approved`, `rejected`, … */
  readonly states: readonly {
    readonly state: string
    readonly seq: number
    readonly t: number
    readonly by: string | null
  }[]
  /** The attempt that was held for it, and the one that passed on it. */
  readonly heldSeq: number | null
  readonly usedSeq: number | null
}

export interface CredentialMinted {
  readonly id: string
  readonly minter: string
  readonly credential: string
  readonly scope: string
  readonly api: string | null
  readonly agent: string | null
  readonly task: string | null
  readonly seq: number
  readonly t: number
  readonly expires: number
  /** Attempts of this report that used it. */
  readonly attempts: number
}

/** What may still do harm at the report's time. */
export interface StillDangerous {
  /** Minted, and neither expired nor ended. */
  readonly credentials: Listed<CredentialMinted>
  /** Issued, and neither expired nor revoked. */
  readonly grants: Listed<Omit<GrantHeld, 'attempts'>>
  /** Asked for or given, and neither used, refused nor expired. */
  readonly approvals: Listed<ApprovalAsked>
  /** Admitted attempts without an outcome. */
  readonly open: Listed<AttemptStep>
  /** Admitted attempts of which nobody knows what became of them. */
  readonly indeterminate: Listed<AttemptStep>
  /** Halts and freezes in force. */
  readonly stops: readonly Stop[]
}

export interface Stop {
  readonly type: 'halt' | 'freeze'
  readonly scope: string | null
  readonly agent: string | null
  readonly task: string | null
  readonly by: string
  readonly because: string | null
  readonly until: number | null
  readonly seq: number
  readonly t: number
}

export type Step = AttemptStep | ControlStep

export interface AttemptStep {
  readonly type: 'attempt'
  readonly seq: number
  readonly t: number
  readonly agent: AttemptAgent
  readonly api: string
  readonly method: string
  readonly operations: readonly AttemptOperation[]
  readonly decision: AttemptBody['decision']
  readonly because: string | null
  readonly policy: AttemptBody['policy']
  /** What the API was asked before the decision. */
  readonly probes: readonly StepProbe[]
  readonly approval: string | null
  readonly credential: NonNullable<AttemptBody['credential']> | null
  /** Null for what was not admitted, and where it is not here. */
  readonly outcome: StepOutcome | null
  /** What a bundle discloses of it. */
  readonly disclosed: readonly { readonly field: string; readonly value: string }[]
}

export interface StepProbe {
  readonly probe: string
  /** Of the resource that was asked about; null where the list of resources was cut before it. */
  readonly type: string | null
  readonly id: string | null
  readonly status: AttemptProbe['status']
  /** Entry that says it was sent; null where nothing was. */
  readonly asked: number | null
}

export interface StepOutcome {
  readonly seq: number
  readonly t: number
  readonly status: OutcomeStatus
  readonly http: number
  readonly ms: number
  readonly upstreamId: string | null
}

export interface ControlStep {
  readonly type:
    | 'grant'
    | 'mint'
    | 'probe'
    | 'approval'
    | 'halt'
    | 'freeze'
    | 'policy'
    | 'recover'
    | 'key'
    | 'erase'
    | 'archive'
    | 'boot'
    | 'close'
  readonly seq: number
  readonly t: number
  /** What happened, such as `activated` or `requested`; null where there is only one thing that can. */
  readonly action: string | null
  readonly facts: readonly (readonly [label: string, value: string])[]
}
