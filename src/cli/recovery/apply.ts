import { randomUUID } from 'node:crypto'
import { encodeEnvelope, fromUtf8 } from '../../canon/index.js'
import { carryOver } from '../../keeper/index.js'
import { beginEpoch, type LedgerCheck, unfinishedEpoch } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { openRecovery, type Recovery, requireFreshRecovery, type SignedRecovery } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { heldInstance } from '../instance-keys.js'
import { packageVersion } from '../package-version.js'
import { commandSigners } from '../signer/instance-signers.js'
import { readTrustRoot } from '../trust-files.js'
import type { StatementFile } from './statement-file.js'

export interface Application {
  readonly file: StatementFile
  /** Looks at the ledger again; not asked where an application of the same recovery only has to be finished. */
  readonly check: () => Promise<LedgerCheck>
  readonly nowMs: number
}

export interface Applied extends SignedRecovery {
  /** Folder of the epoch that has ended. */
  readonly aside: string
}

/**
 * Ends the epoch that a signed recovery names, and begins the next. Throws what is wrong with its signatures,
 * `recovery_stale`, `recovery_elsewhere`, `recovery_differs` where the ledger is not as it was when the statement was
 * prepared, and `ledger_locked`.
 */
export async function applyRecovery(
  loaded: LoadedConfig,
  { file, check, nowMs }: Application,
): Promise<Applied> {
  const { config, path } = loaded
  const statement = encodeEnvelope(file.envelope)
  const { recovery, signers } = openRecovery(statement, readTrustRoot(loaded), nativeCrypto)
  if (recovery.origin !== config.origin) throw cliFault('recovery_elsewhere', recovery.origin)
  const places = {
    dir: path(config.ledger.dir),
    highWater: path(config.ledger.highWater),
    crypto: nativeCrypto,
  }
  const epoch = recovery.epoch + 1
  const isBegun = (await unfinishedEpoch(places)) === epoch
  if (!isBegun) requireFreshRecovery(recovery, nowMs)
  const found = isBegun ? null : await check()
  if (found !== null) requireSame(found, recovery)
  const instance = heldInstance(loaded, await commandSigners(loaded))
  const aside = await beginEpoch({
    ...places,
    epoch,
    origin: config.origin,
    signer: instance.keys.receipt.key,
    checkpointKey: instance.keys.checkpoint.key,
    clock: Date.now,
    boot: randomUUID(),
    software: `countersign/${packageVersion()}`,
    enrolment: instance.envelope,
    sinceMs: recovery.left.t,
    state: carryOver(found?.memory?.states ?? [], recovery),
    recover: {
      type: 'recover',
      data: {
        chain: `${recovery.origin}/${recovery.epoch}`,
        size: recovery.left.size,
        root: recovery.left.root,
        lost: recovery.lost,
        because: recovery.because,
        statement: fromUtf8(statement),
      },
    },
  })
  return { recovery, signers, aside }
}

/** ATTACK: a statement that was signed for a damaged ledger, applied to another that nothing is wrong with. */
function requireSame({ chain, left, mark, verdict }: LedgerCheck, recovery: Recovery): void {
  const expected = `${recovery.origin}/${recovery.epoch}`
  if (chain !== null && chain !== expected)
    throw cliFault('recovery_differs', `the ledger is of ${chain}, the statement of ${expected}`)
  const same = (['size', 'root', 'leaf', 't'] as const).every(
    member => left[member] === recovery.left[member],
  )
  if (!same)
    throw cliFault(
      'recovery_differs',
      `${left.size} entries are proven, the statement says ${recovery.left.size}`,
    )
  if (verdict !== recovery.verdict)
    throw cliFault('recovery_differs', `the ledger is ${verdict} now, it was ${recovery.verdict}`)
  if ((mark?.size ?? 0) > (recovery.known?.size ?? 0))
    throw cliFault('recovery_differs', 'the mark covers more than the statement knows of')
}
