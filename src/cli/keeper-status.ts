import type { UnservedUse } from '../credential/index.js'
import type { ArchivesStatus, Freeze, Halt, NoticeStatus, UsedBudget } from '../keeper/index.js'
import type { CosigningStatus, FullCheckStatus, SinkStatus } from '../ledger/index.js'

/** What the keeper didn't take, and what mends it. */
interface Refused {
  readonly code: string
  readonly message: string
  readonly mend: string
  readonly atMs: number
}

/** `GET /v1/status` of the keeper's admin API. */
export interface KeeperStatus {
  /** Origin with epoch. */
  readonly chain: string
  readonly head: { readonly size: number; readonly leaf: string; readonly root: string; readonly t: number }
  readonly policy: {
    readonly cid: string
    readonly name: string
    readonly version: number
    readonly expiresMs: number
    readonly audience: readonly string[]
    /** Agents that observe now, and until when; the others are enforced. */
    readonly observing: readonly { readonly agent: string; readonly untilMs: number }[]
  } | null
  readonly refusedUpdate: Refused | null
  /** How the policy gets here, where it is fetched; null where it is a file. */
  readonly distribution: {
    readonly from: string
    readonly everyMs: number
    readonly lastAnswerMs: number | null
    readonly failing: { readonly message: string; readonly sinceMs: number; readonly polls: number } | null
  } | null
  readonly enrolmentExpiresMs: number
  /** The places that receipts are shipped to. */
  readonly shipping: readonly SinkStatus[]
  /** Null where the configuration names no witness. */
  readonly witnesses: CosigningStatus | null
  /** How the reading of the whole ledger goes that begins behind each start; null where that found no entry. */
  readonly fullCheck: FullCheckStatus | null
  /** Why keys that were installed are not in force; null where they are, or none were. */
  readonly refusedKeys: Refused | null
  /** Grants in force. */
  readonly grants: number
  readonly approvals: number
  /** Those that still wait, and on which nothing passes because their policy was replaced; absent in an older keeper's answer. */
  readonly supersededApprovals?: number
  /** What people have stopped. */
  readonly stops: { readonly halts: readonly Halt[]; readonly freeze: Freeze | null }
  /** What lies in an archive and not in the ledger any more. */
  readonly archives: ArchivesStatus
  readonly gates: number
  readonly openAttempts: number
  /** Where people are told of approvals and stops. */
  readonly notices: readonly NoticeStatus[]
  /** What agents and tasks have used of the policy's limits, the fullest first. */
  readonly budgets: readonly UsedBudget[]
  readonly startedMs: number
  /** Protections that the way of running lacks, as far as the keeper knows it: a sentence each. */
  readonly missing: readonly string[]
  /** Credentials of the policy that the vault has no secret for. */
  readonly unserved: readonly UnservedUse[]
}

export function refusedWords({ code, message, mend }: Refused): string {
  return `${code}: ${message} ${mend}`
}
