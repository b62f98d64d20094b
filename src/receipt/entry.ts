import type { JsonObject } from '../canon/index.js'
import type { ProbeStatus } from '../policy/index.js'
import type { OperationClass, Resource } from '../protocol/index.js'

/**
 * The payload of one ledger entry (JCS, integers only, no unknown member, at most 65,535 bytes as an
 * envelope). Written as a DSSE envelope signed by the keeper's receipt key.
 */
export type Entry = EntryPosition & (AttemptBody | OutcomeBody | ControlBody)

/** An entry before the ledger gives it its place in the chain. */
export type EntryBody = AttemptBody | OutcomeBody | ControlBody

export interface EntryPosition {
  readonly v: 1
  /** Origin of the log with its epoch: `<domain>/countersign/<sidecar>/<epoch>`. */
  readonly chain: string
  /** Leaf index, from 0. */
  readonly seq: number
  /** Leaf hash of the entry before, 64 hex digits; 64 zeros for the first. */
  readonly prev: string
  /** Unix milliseconds; never less than the entry before. */
  readonly t: number
  /** UUID of this run of the keeper. */
  readonly boot: string
}

export interface AttemptBody {
  readonly type: 'attempt'
  /** UUIDv7. */
  readonly id: string
  readonly agent: AttemptAgent
  readonly req: AttemptRequest
  readonly ops: readonly AttemptOperation[]
  readonly policy: { readonly cid: string; readonly version: number }
  /** `rest/3`, `graphql/1`; `none` where the request was refused before classification. */
  readonly classifier: string
  readonly decision: {
    readonly effect: 'allow' | 'hold' | 'deny'
    readonly code: string
    readonly rule: string | null
  }
  /** Id of the approval that was consumed or asked for. */
  readonly approval?: string
  /** Commitment to everything that the decision used, see `inputs.ts`. */
  readonly inputs_c: string
  readonly credential?: {
    readonly minter: string
    readonly scope: string
    readonly expires: number
    /** Id of the `mint` entry that made it. */
    readonly mint?: string
  }
  /** What the upstream was asked before the decision, and how each question ended; absent where nothing was. */
  readonly probes?: readonly AttemptProbe[]
  /** Amounts reserved under limits, so that counters can be rebuilt from the ledger alone. */
  readonly reserved?: readonly { readonly key: string; readonly amount: number }[]
}

/** One question about one resource. */
export interface AttemptProbe {
  readonly probe: string
  /** Number of the operation in `ops`, and of the resource among the operation's own. */
  readonly op: number
  readonly resource: number
  readonly status: ProbeStatus
  /** `seq` of the `probe` entry that says it was sent, of this attempt or of one shortly before; absent where nothing was. */
  readonly asked?: number
  /** Commitment to the facts; where it was answered. */
  readonly facts_c?: string
}

/** Empty strings where the request carried no valid grant. */
export interface AttemptAgent {
  readonly id: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  /** The grant's `jti`. */
  readonly grant: string
}

export interface AttemptRequest {
  /** Empty where the target named no API. */
  readonly api: string
  readonly method: string
  readonly target_c: string
  readonly body_c?: string
  readonly body_len?: number
}

export interface AttemptOperation {
  readonly name: string
  readonly classes: readonly OperationClass[]
  readonly scope: Readonly<Record<string, string>>
  readonly resources: readonly Resource[]
  /** Present where the list was too long to write: how many there are, and a commitment to all of them. */
  readonly more?: { readonly count: number; readonly all_c: string }
}

export const OUTCOME_STATUSES = [
  'completed',
  'upstream_error',
  'timeout',
  'aborted',
  'not_sent',
  'indeterminate',
] as const
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number]

export interface OutcomeBody {
  readonly type: 'outcome'
  /** `seq` of the attempt that it closes. */
  readonly attempt: number
  /** Leaf hash of that attempt, hex. */
  readonly attempt_leaf: string
  readonly status: OutcomeStatus
  /** Status code of the upstream; 0 where there was no answer. */
  readonly http: number
  readonly upstream_id?: string
  /** For a body that was streamed. */
  readonly body_c?: string
  readonly resp_c?: string
  readonly resp_len?: number
  /** Milliseconds between attempt and outcome. */
  readonly ms: number
}

export const CONTROL_TYPES = [
  'genesis',
  'boot',
  'policy',
  'grant',
  'mint',
  'probe',
  'vault',
  'approval',
  'halt',
  'freeze',
  'key',
  'heartbeat',
  'suppressed',
  'recover',
  'erase',
  'archive',
  'close',
] as const
export type ControlType = (typeof CONTROL_TYPES)[number]

/** Everything that isn't an attempt or its outcome. The members of `data` are fixed per type in `formats.ts`. */
export interface ControlBody {
  readonly type: ControlType
  readonly data: JsonObject
}
