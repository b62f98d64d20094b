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
export { type OpenLedgerOptions, openLedger } from './open.js'
export { openSide, type SideCipher, type SideReader, sideCipher } from './side.js'
export {
  type HandOver,
  type KeySuccession,
  type LogKey,
  lastHandOver,
  type RetiringKey,
} from './succession.js'
export type { LedgerLimits } from './writer.js'
