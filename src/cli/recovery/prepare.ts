import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { base64url, contentId, decodeEnvelope, type JsonObject, parseCanonical } from '../../canon/index.js'
import { LEDGER_VERDICTS, type LedgerCheck } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  keysOfRole,
  type Recovery,
  readSealedMetadata,
  signersOf,
  type TrustRoot,
} from '../../policy/index.js'
import type { SignedCheckpoint } from '../../receipt/index.js'
import type { LoadedConfig } from '../config.js'
import { UsageError } from '../io.js'
import { sealedFileOf } from '../policy-location.js'
import { readTrustRoot } from '../trust-files.js'

type PolicyId = NonNullable<Recovery['policy']>

/** Whether a ledger with this verdict can be recovered; every other one is started, mended or looked for first. */
export function isRecoverable({ verdict }: LedgerCheck): boolean {
  switch (verdict) {
    case 'ledger_locked':
    case 'evidence_moving':
    case 'ledger_foreign':
    case 'ledger_empty':
    case 'recovery_unfinished':
      return false
    default:
      return !LEDGER_VERDICTS[verdict].sound
  }
}

export interface Preparation {
  readonly check: LedgerCheck
  readonly checkpoints: readonly SignedCheckpoint[]
  readonly because: string
  /** A sealed policy whose version is the floor, instead of the highest that can be found. */
  readonly policy: string | undefined
  readonly nowMs: number
}

/** The statement about a ledger as it was found. Throws a UsageError where nothing says which epoch it is of. */
export function recoveryOf(loaded: LoadedConfig, preparation: Preparation): Recovery {
  const { check, checkpoints, because, nowMs } = preparation
  const { origin } = loaded.config
  return {
    v: 1,
    origin,
    epoch: epochOf(check.chain ?? checkpoints[0]?.origin ?? null, origin),
    verdict: check.verdict,
    left: check.left,
    known: knownOf(check, checkpoints),
    lost: check.lost,
    policy: policyFloor(loaded, preparation),
    because,
    t: nowMs,
    nonce: base64url(randomBytes(16)),
  }
}

function epochOf(chain: string | null, origin: string): number {
  const epoch = chain?.startsWith(`${origin}/`) === true ? Number(chain.slice(origin.length + 1)) : Number.NaN
  if (Number.isSafeInteger(epoch)) return epoch
  throw new UsageError(
    'neither ledger nor mark says which epoch ends',
    'Pass --checkpoint FILE: the newest checkpoint that a witness or a shipped copy has.',
  )
}

function knownOf({ mark }: LedgerCheck, checkpoints: readonly SignedCheckpoint[]): Recovery['known'] {
  const all = [...(mark === null ? [] : [mark]), ...checkpoints].sort((a, b) => b.size - a.size)
  return all[0] === undefined ? null : { size: all[0].size, root: all[0].root }
}

/** The highest policy that entries, stored state or the sealed file in place tell of. */
function policyFloor(loaded: LoadedConfig, { check, policy }: Preparation): PolicyId | null {
  const trust = readTrustRoot(loaded)
  if (policy !== undefined) {
    const named = sealedIn(policy, trust)
    if (named === null)
      throw new UsageError(
        `${policy} is not signed by the policy role`,
        'Pass a sealed policy with all its signatures.',
      )
    return named
  }
  const found = [check.memory?.policy ?? null, sealedIn(sealedFileOf(loaded), trust)]
  return found.reduce<PolicyId | null>(
    (highest, each) =>
      each !== null && (highest === null || each.version > highest.version) ? each : highest,
    null,
  )
}

function sealedIn(file: string, trust: TrustRoot): PolicyId | null {
  if (!existsSync(file)) return null
  try {
    const envelope = decodeEnvelope(readFileSync(file))
    const signers = signersOf(nativeCrypto, envelope, keysOfRole(trust, 'policy'))
    if (signers.size < trust.roles.policy.threshold) return null
    const { version } = readSealedMetadata(parseCanonical(envelope.payload) as JsonObject)
    return { cid: contentId(nativeCrypto, envelope.payload), version }
  } catch {
    return null
  }
}
