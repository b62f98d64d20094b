import {
  base64,
  type Crypto,
  canonicalBytes,
  canonicalize,
  fromBase64,
  hex,
  type JsonObject,
  type JsonValue,
  leavesOf,
} from '../canon/index.js'
import type { Grant } from '../credential/index.js'
import {
  type ApprovalStatement,
  type ApproverGroup,
  argumentsCommitment,
  type Decision,
  hasEnough,
  isLater,
  MAX_STATEMENT_BYTES,
  type OpenCountersignature,
  type ProbeResult,
  probesCommitment,
  type Signature,
  statedOperation,
  statementDigest,
} from '../policy/index.js'
import { isAwsSharedHeader } from '../protocol/index.js'
import type { Agreed, ControlBody } from '../receipt/index.js'
import { type Case, resultsOf } from './attempt-entry.js'
import { keeperFault } from './error-table.js'
import type { RandomBytes } from './ports.js'
import { uuid7 } from './uuid.js'

const SALT_BYTES = 32

/** A held request that people decide about, as they are shown it. */
export interface Approval {
  readonly id: string
  readonly state: 'requested' | 'approved' | 'rejected'
  /** What is signed. */
  readonly statement: ApprovalStatement
  /** SHA-256 of the statement's JCS, hex. */
  readonly digest: string
  /** What the statement commits to: arguments of each operation, without what an SDK renews on every call. */
  readonly args: readonly JsonValue[]
  /** Of `args` as JCS. */
  readonly argumentBytes: number
  /** What the upstream was asked about the call, and has said; empty where nothing was asked. The statement commits to it as well. */
  readonly probes: readonly ProbeResult[]
  /** Base64 of 32 bytes. */
  readonly salt: string
  /** SHA-256, hex, of everything that a repeated call has in common; never leaves the keeper, because it is not salted. */
  readonly match: string
  readonly request: { readonly method: string; readonly target: string }
  readonly rule: string | null
  readonly because: string | null
  /** Groups of the policy that must all sign. */
  readonly approvers: readonly string[]
  /** Who has approved so far. */
  readonly signed: readonly Signature[]
  /** When each person last signed a word about it, Unix milliseconds. */
  readonly heard: Readonly<Record<string, number>>
  readonly rejected: { readonly by: string; readonly because: string | null } | null
  readonly createdMs: number
  /** It waits and lasts until then. */
  readonly expiresMs: number
  /** Until when the same call meets it: its expiry, or longer where it was rejected. */
  readonly keptMs: number
}

/**
 * Another policy is in force than the one it was asked under; or too few may approve it, since the owner is one of them or a
 * key was revoked; or its agent or task is halted, or changes are frozen.
 */
export type ApprovalObstacle = 'superseded' | 'unreachable' | 'stopped' | null

/** How an approval stands while its policy and its agent are what they are. */
export interface ApprovalStanding {
  /** Why its call doesn't pass now, whatever people say. */
  readonly obstacle: ApprovalObstacle
  /** By group, how many of it have to agree; empty where its policy was replaced. */
  readonly thresholds: Readonly<Record<string, number>>
}

/** What people are shown of an approval: all but what only matches repeated calls, and how it stands. */
export interface ShownApproval extends Omit<Approval, 'match' | 'heard'>, ApprovalStanding {}

export function shownApproval(
  { match: _, heard: __, ...shown }: Approval,
  standing: ApprovalStanding,
): ShownApproval {
  return { ...shown, ...standing }
}

export interface ApprovalBounds {
  readonly maxPending: number
  readonly maxPendingPerAgent: number
  /** Of the arguments of one, as JCS. */
  readonly maxArgumentBytes: number
  /** Leaves of the arguments of one, each of which has a row; and letters of their paths together. */
  readonly maxArgumentLeaves: number
  readonly maxPathLetters: number
  /** Of all that wait for one agent, and of all that wait. */
  readonly maxArgumentBytesPerAgent: number
  readonly maxArgumentBytesInAll: number
  /** Where no approver group says otherwise. */
  readonly expiresMs: number
  /** How long a rejection stands for the same call of the same task. */
  readonly rejectionMs: number
}

export const APPROVALS: ApprovalBounds = {
  maxPending: 1_000,
  maxPendingPerAgent: 100,
  maxArgumentBytes: 262_144,
  maxArgumentLeaves: 20_000,
  maxPathLetters: 1_048_576,
  maxArgumentBytesPerAgent: 4_194_304,
  maxArgumentBytesInAll: 67_108_864,
  expiresMs: 1_800_000,
  rejectionMs: 604_800_000,
}

/** A request that people are asked about. */
export interface Asking {
  readonly c: Case
  readonly grant: Grant
  readonly decision: Decision
  /** See `matchOf`. */
  readonly match: string
}

export interface NewApprovalParts {
  readonly origin: string
  readonly crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>
  readonly random: RandomBytes
}

/** What repeated calls are recognised by: SHA-256, hex, of everything that they have in common. */
export function matchOf(crypto: Pick<Crypto, 'sha256'>, c: Case, grant: Grant): string {
  return hex(crypto.sha256(canonicalBytes(askedFor(c, grant))))
}

/** What people are to be asked; `too large` where they could not be shown all of it. */
export function newApproval(
  { c, grant, decision, match }: Asking,
  { crypto, random, origin }: NewApprovalParts,
  bounds: ApprovalBounds,
): Approval | 'too large' {
  const args = argumentsOf(c)
  const probes = resultsOf(c) ?? []
  const expiresMs = c.nowMs + lifetimeMs(c, decision, bounds)
  const argumentBytes = canonicalBytes(args as JsonValue).length
  if (argumentBytes > bounds.maxArgumentBytes || !canBeShown(args, bounds)) return 'too large'
  const id = uuid7(c.nowMs, random(10))
  const salt = random(SALT_BYTES)
  const statement: ApprovalStatement = {
    v: 1,
    origin,
    id,
    agent: grant.agent,
    environment: grant.environment,
    task: grant.task,
    owner: grant.owner,
    policy: c.policy.cid,
    api: c.request.api,
    operations: c.operations.map(statedOperation),
    args_c: argumentsCommitment(crypto, salt, args),
    ...(probes.length === 0 ? {} : { probes_c: probesCommitment(crypto, salt, probes) }),
  }
  if (canonicalBytes(statement).length > MAX_STATEMENT_BYTES) return 'too large'
  return {
    id,
    state: 'requested',
    statement,
    digest: statementDigest(crypto, statement),
    args,
    argumentBytes,
    probes,
    salt: base64(salt),
    match,
    request: { method: c.request.method, target: c.request.target },
    rule: decision.rule,
    because: decision.because,
    approvers: decision.approvers,
    signed: [],
    heard: {},
    rejected: null,
    createdMs: c.nowMs,
    expiresMs,
    keptMs: expiresMs,
  }
}

/**
 * ATTACK: a list of a hundred thousand numbers behind a name of sixty thousand letters, which stands in every row: a
 * quarter of a megabyte that is gigabytes on an approver's page.
 */
function canBeShown(
  args: readonly JsonValue[],
  { maxArgumentLeaves, maxPathLetters }: Pick<ApprovalBounds, 'maxArgumentLeaves' | 'maxPathLetters'>,
): boolean {
  let leaves = 0
  let letters = 0
  for (const each of args)
    for (const { path } of leavesOf(each)) {
      letters += path.length
      if (++leaves > maxArgumentLeaves || letters > maxPathLetters) return false
    }
  return true
}

function lifetimeMs(c: Case, decision: Decision, bounds: ApprovalBounds): number {
  const groups = decision.approvers.map(name => c.policy.approvers.get(name)?.expiresSeconds)
  const shortest = Math.min(...groups.filter(seconds => seconds !== undefined))
  return Number.isFinite(shortest) ? shortest * 1_000 : bounds.expiresMs
}

/**
 * What goes with the inputs of the attempt that passes on it. ATTACK: a keeper that lets pass other arguments than people
 * agreed to. Whoever audits opens the statement's commitments with it.
 */
export function agreedOf({ salt, args, probes }: Approval): Agreed {
  return { salt: hex(fromBase64(salt)), args, probes }
}

/** What becomes of an approval by a word that somebody signed. Throws what `Approvals.countersign` says. */
export function afterWord(
  approval: Approval,
  { verdict, by, groups, because, t }: OpenCountersignature,
  all: ReadonlyMap<string, ApproverGroup>,
  rejectedUntilMs: number,
): Approval {
  const own = approval.signed.some(each => each.by === by)
  if (verdict === 'approve' && own) throw keeperFault('approval_signed', by)
  if (!isLater({ verdict, t }, approval.heard[by])) throw keeperFault('approval_replayed', by)
  const heard = { ...approval, heard: { ...approval.heard, [by]: t } }
  switch (verdict) {
    case 'approve':
      return counted(heard, [...approval.signed, { by, groups, t }], all)
    case 'withdraw': {
      if (!own) throw keeperFault('approval_unsigned', by)
      return counted(
        heard,
        approval.signed.filter(each => each.by !== by),
        all,
      )
    }
    case 'reject':
      return {
        ...heard,
        state: 'rejected',
        rejected: { by, because: because ?? null },
        keptMs: rejectedUntilMs,
      }
  }
}

/** The entry that says so. */
export function approvalEntry(
  approval: Approval,
  state: ApprovalStep,
  more: ControlBody['data'] = {},
): ControlBody {
  const { id, statement, digest, rule } = approval
  const { agent, environment, task, owner, policy } = statement
  return {
    type: 'approval',
    data: {
      id,
      state,
      agent,
      environment,
      task,
      owner,
      policy,
      digest,
      expires: approval.expiresMs,
      approvers: [...approval.approvers],
      ...(rule === null ? {} : { rule }),
      ...more,
    },
  }
}

/** What an older version has written lacks what it didn't know. */
export function readApproval(value: string): Approval {
  const kept = JSON.parse(value) as Approval
  return {
    ...kept,
    probes: kept.probes ?? [],
    argumentBytes: kept.argumentBytes ?? canonicalBytes(kept.args as JsonValue).length,
  }
}

/** What an entry says has happened; an approval that is not enough yet is one all the same. */
export type ApprovalStep =
  | 'requested'
  | 'approved'
  | 'withdrawn'
  | 'rejected'
  | 'consumed'
  | 'expired'
  | 'voided'

/**
 * What an upstream says now against what it said when people were asked. Where it couldn't be asked then, they have
 * agreed to that; where it can't be asked now, nobody knows.
 */
export function comparedWith(
  then: readonly ProbeResult[],
  now: readonly ProbeResult[],
): 'same' | 'changed' | 'unanswered' {
  const nameOf = ({ probe, type, id }: ProbeResult): string => JSON.stringify([probe, type, id])
  const before = new Map(then.map(each => [nameOf(each), each.facts]))
  if (before.size !== now.length || now.some(each => !before.has(nameOf(each)))) return 'changed'
  const differing = now.filter(
    each => canonicalize(each.facts) !== canonicalize(before.get(nameOf(each)) ?? null),
  )
  if (differing.length === 0) return 'same'
  return differing.some(({ facts }) => facts !== null) ? 'changed' : 'unanswered'
}

function counted(
  approval: Approval,
  signed: readonly Signature[],
  groups: ReadonlyMap<string, ApproverGroup>,
): Approval {
  const named = approval.approvers.flatMap(name => groups.get(name) ?? [])
  const enough = hasEnough(named, approval.approvers, signed)
  return { ...approval, signed, state: enough ? 'approved' : 'requested' }
}

/**
 * Everything that a repeated call has in common with the first: another argument, agent, task, owner or policy is
 * another call. What an SDK renews on every call (the catalog names it) is left out.
 *
 * ATTACK: two people's grants for one task. Were the owner left out, the second could approve their own request as
 * the first one's.
 */
function askedFor(c: Case, grant: Grant): JsonValue {
  const { agent, environment, task, owner } = grant
  return {
    agent,
    environment,
    task,
    owner,
    policy: c.policy.cid,
    api: c.request.api,
    operations: c.operations.map(statedOperation) as unknown as JsonValue,
    args: argumentsOf(c) as JsonValue,
  }
}

/**
 * What people sign of each operation.
 * ATTACK: one unrouted call is approved, and another is sent; or a file of the same length; or another body than the one
 * that was under the key. Where the arguments don't say everything, the request itself stands among them, as a member that
 * no API has.
 */
function argumentsOf(c: Case): readonly JsonValue[] {
  const catalog = c.policy.apis.get(c.request.api)?.catalog
  const { finding, body } = c.request
  return c.operations.map((operation, index) => {
    const args = (catalog?.lastingArgs(operation) ?? operation.args) as JsonObject
    const notUnderstood =
      operation.classes.includes('unknown') ||
      (finding.kind === 'operations' && finding.operations[index]?.opaque !== undefined)
    const unsaid = notUnderstood || hasMeasured(args) || body.kind === 'streamed'
    return unsaid ? { ...args, [WHOLE_REQUEST]: wholeRequest(c) } : args
  })
}

const WHOLE_REQUEST = '(request)'

/** A file or a blob of which the arguments say the length alone. */
function hasMeasured(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(hasMeasured)
  return 'lengthBytes' in value || Object.values(value).some(hasMeasured)
}

const DIGEST = /^[0-9a-f]{64}$/

/** A body that streams is known where its digest was signed: the upstream gets it under the same, and no other passes the gate. */
function wholeRequest({ request: { method, target, body, signed } }: Case): JsonObject {
  const headers = (signed?.outbound ?? []).flatMap(([name, value]) =>
    isAwsSharedHeader(name) ? [] : [[name, value]],
  )
  const said = { method, target, ...(headers.length === 0 ? {} : { headers }) }
  switch (body.kind) {
    case 'none':
      return said
    case 'inspected':
      return { ...said, bodySha256: body.sha256 }
    case 'streamed':
      return signed !== null && DIGEST.test(signed.payload)
        ? { ...said, bodySha256: signed.payload }
        : { ...said, body: 'streamed: nobody knows its content' }
  }
}
