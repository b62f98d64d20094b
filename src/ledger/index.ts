export { type CheckOptions, checkLedger, type LedgerCheck } from './check.js'
export { LEDGER_VERDICTS, type LedgerVerdict } from './check-verdict.js'
export { writeDump } from './dump.js'
export { ledgerErrors } from './error-table.js'
export { type Evidence, openEvidence, readCheckpointFile } from './evidence.js'
export type {
  Appended,
  Companion,
  Ledger,
  LedgerHead,
  OpenAttempt,
  SideStore,
  StateReader,
} from './ledger.js'
export { beginEpoch, unfinishedEpoch } from './next-epoch.js'
export { type OpenLedgerOptions, openLedger } from './open.js'
export { openSide, type SideCipher, type SideReader, sideCipher } from './side.js'
export type { LedgerLimits } from './writer.js'
