import type { JWK } from 'jose'
import { utf8 } from '../canon/index.js'
import { compareWithCopy, parallelChecks, readCheckpointFile } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  CountersignatureAudit,
  type CountersignaturesChecked,
  type EntryAudit,
  ErasureAudit,
  type ErasuresChecked,
  type GroupsOf,
  PolicySealAudit,
  parseCheckpoint,
  type ReferenceSummary,
  References,
  type SealersOf,
  type SealsChecked,
  type SignedCheckpoint,
  type SignersOf,
  TrustAudit,
  type TrustFollowed,
  type Verification,
  type WitnessPolicy,
} from '../receipt/index.js'
import { type Against, againstLines, isSame } from './against-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from './io.js'
import { type KeySource, pinnedKeys } from './pinned-keys.js'
import { pinnedRecovery } from './pinned-recovery.js'
import { progress } from './progress.js'
import type { ReceiptSource } from './receipt-source.js'
import { DecisionReplay, type DecisionsReplayed } from './replay/decision-replay.js'
import { recordedInputs } from './replay/recorded-inputs.js'
import { type SealedPolicies, sealedPolicies } from './replay/sealed-policies.js'
import { trustVersions } from './trust-versions.js'
import { verdictLines } from './verdict-text.js'

export interface VerifyRequest {
  readonly keys: KeySource
  /** Files with checkpoints or high-water marks. */
  readonly checkpoints: readonly string[]
  /** Which witnesses' cosignatures count; null where nobody has said. */
  readonly witnesses: WitnessPolicy | null
  /** What the decisions are derived again with. */
  readonly decisions: DecisionSources
  /** False: form, tree, chain and checkpoints alone, at several times the speed. */
  readonly signatures: boolean
  /** Threads that check entries. */
  readonly jobs: number
  /** Those that the verifier has kept from before any revocation. */
  readonly kept?: readonly string[]
  readonly json: boolean
  /** A shipped copy that the log is held against. */
  readonly against?: { readonly copy: ReceiptSource; readonly mayBeUnshipped: number }
}

export interface DecisionSources {
  /** Folders of sealed policies; null: decisions are not derived again. */
  readonly policies: readonly string[] | null
  /** Private key that opens the decision inputs; null: the receipts have to do. */
  readonly auditorKey: JWK | null
}

/** What was found out about a log. */
export interface Verdict extends Verification {
  /** Null where entries were not held against each other. */
  readonly references: ReferenceSummary | null
  /** Null where decisions were not derived again. */
  readonly decisions: DecisionsReplayed | null
  /** Null where what people signed was not looked at. */
  readonly countersignatures: CountersignaturesChecked | null
  /** Null where the policies were not at hand. */
  readonly seals: SealsChecked | null
  /** Null where no trust root was named. */
  readonly trust: TrustFollowed | null
  /** The same. */
  readonly erasures: ErasuresChecked | null
}

/** Verifies a log, prints what was proven, and throws AnswerNo where something was found. Closes the source. */
export async function verifyLog(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<void> {
  try {
    const found = await verified(source, request, io)
    const against = await heldAgainst(source, request, io)
    if (request.json)
      printJson(io, { source: source.where, ...found, ...(against === null ? {} : { against }) })
    else for (const line of [...verdictLines(found), ...againstLines(against)]) printLine(io, line)
    if (!found.sound || (against !== null && !isSame(against))) throw new AnswerNo()
  } finally {
    await source.close()
    await request.against?.copy.close()
  }
}

/** The copy is verified by itself as well: what it holds beyond the log counts only when the log's keys have signed it. */
async function heldAgainst(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<Against | null> {
  if (request.against === undefined) return null
  const { copy, mayBeUnshipped } = request.against
  // A copy has no decision inputs: its decisions are those of the log.
  const { against: _, ...rest } = request
  const alone = { ...rest, decisions: { policies: null, auditorKey: null } }
  const verification = await verified(copy, alone, io)
  const shown = progress(io, 'entries compared')
  const comparison = await compareWithCopy(source.entries(), copy.entries(), mayBeUnshipped, shown.count)
  shown.done()
  return { copy: copy.where, verification, comparison }
}

/** Verifies a log; `readers` see every entry that is well-formed, in order and in the same pass. */
export async function verified(
  source: ReceiptSource,
  request: VerifyRequest,
  io: Io,
  readers: readonly EntryAudit[] = [],
): Promise<Verdict> {
  const keys = pinnedKeys(request.keys, await firstOf(source))
  const checkpoints: SignedCheckpoint[] = []
  // Asked for before the entries, so that a log that grows meanwhile still contains it.
  for (const own of [await source.checkpoint(), (await request.against?.copy.checkpoint()) ?? null])
    if (own !== null) checkpoints.push(own)
  const cosigned = await source.witnessedNote()
  if (cosigned !== null) checkpoints.push(parseCheckpoint(utf8(cosigned)))
  for (const file of request.checkpoints) checkpoints.push(await readCheckpointFile(file, nativeCrypto))
  const kept: SignedCheckpoint[] = []
  for (const file of request.kept ?? []) kept.push(await readCheckpointFile(file, nativeCrypto))
  const recovery = pinnedRecovery(request.keys)
  const references = request.signatures ? new References() : null
  const policies = request.signatures ? policiesOf(request) : null
  const decisions =
    policies === null
      ? null
      : new DecisionReplay(policies, recordedInputs(source, request.decisions.auditorKey))
  const people =
    policies === null
      ? null
      : new CountersignatureAudit(nativeCrypto, groupsOf(policies), keys?.revoked ?? new Map())
  const seals =
    policies === null ? null : new PolicySealAudit(sealersOf(policies), keys?.revoked ?? new Map())
  const versions = request.signatures ? trustVersions(request.keys) : null
  const trust =
    versions === null
      ? null
      : new TrustAudit(nativeCrypto, versions, policies === null ? undefined : signersOf(policies))
  const erasures = versions === null ? null : new ErasureAudit(nativeCrypto, versions.toReversed())
  const audits: readonly (EntryAudit | null)[] = [
    ...[references, decisions, people, seals, trust, erasures],
    ...readers,
  ]
  const total = Math.max(...checkpoints.map(({ size }) => size))
  const shown = progress(io, 'entries', Number.isFinite(total) ? total : null)
  const found = await source.verify(
    {
      crypto: nativeCrypto,
      keys,
      checkpoints: [...checkpoints, ...kept],
      kept,
      signatures: request.signatures,
      ...(recovery === undefined ? {} : { recovery }),
      ...(request.witnesses === null ? {} : { witnesses: request.witnesses }),
      audits: audits.filter(audit => audit !== null),
      ...(request.jobs > 1 ? { checker: parallelChecks(nativeCrypto, request.jobs) } : {}),
    },
    shown.count,
  )
  shown.done()
  const replayed = decisions?.summary() ?? null
  if (replayed !== null) refuseUselessKey(request, replayed)
  return {
    ...found,
    references: references?.summary() ?? null,
    decisions: replayed,
    countersignatures: people?.summary() ?? null,
    seals: seals?.summary() ?? null,
    trust: trust?.summary() ?? null,
    erasures: erasures?.summary() ?? null,
  }
}

function groupsOf(policies: SealedPolicies): GroupsOf {
  return cid => {
    const found = policies.find(cid)
    return found.kind === 'policy' ? found.policy.approvers : null
  }
}

function sealersOf(policies: SealedPolicies): SealersOf {
  return cid => {
    const found = policies.find(cid)
    return found.kind === 'policy' ? found.revoked : null
  }
}

function signersOf(policies: SealedPolicies): SignersOf {
  return cid => {
    const found = policies.find(cid)
    return found.kind === 'policy' ? found.signers : null
  }
}

function policiesOf({ decisions, keys }: VerifyRequest): SealedPolicies | null {
  if (decisions.policies === null) return null
  const trust = trustVersions(keys)
  if (trust === null)
    throw new UsageError(
      'policies have to be verified under a trust root before they decide anything',
      'Pass --trust FILE with --policies DIR.',
    )
  return sealedPolicies(decisions.policies, trust)
}

/** A key that opens nothing is the wrong one, and an answer from the receipts alone would hide that. */
function refuseUselessKey({ decisions }: VerifyRequest, { decided, opened }: DecisionsReplayed): void {
  if (decisions.auditorKey === null || decided === 0 || opened > 0) return
  throw new UsageError(
    `the auditor’s key opens the decision inputs of none of ${decided} attempts`,
    'Pass the private half of `ledger.auditorKey`, and a ledger folder whose keeper kept the inputs (a dump has none); or leave --auditor-key out.',
  )
}

async function firstOf(source: ReceiptSource): Promise<Uint8Array | undefined> {
  try {
    for await (const bytes of source.entries()) return bytes
  } catch {
    // The verification meets the same fault and names it.
  }
  return undefined
}
