export type { Archived } from './archive/archived.js'
export type { ArchiveBound, ArchiveRequest, ArchivingStatus } from './archive/archiving.js'
export { type CheckOptions, checkLedger, type LedgerCheck } from './check.js'
export { LEDGER_VERDICTS, type LedgerVerdict } from './check-verdict.js'
export { type Comparison, compareWithCopy } from './copy/compare.js'
export { type Copies, openCopies } from './copy/copies.js'
export { type CopyFiles, folderFiles, objectFiles } from './copy/copy-files.js'
export { writeDump } from './dump.js'
export { ledgerErrors } from './error-table.js'
export { type Evidence, openEvidence, readCheckpointFile } from './evidence.js'
export type { FullCheckPace, FullCheckStatus } from './full-check/full-check.js'
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
export { parallelChecks } from './parallel-checks.js'
export { beginningOf, type Exchange, type ExchangeOptions, exchange } from './ship/exchange.js'
export { type HttpFacts, httpSink } from './ship/http.js'
export type { ShipBound, ShippingLag } from './ship/lane.js'
export { type S3Place, type S3Sign, s3Sink } from './ship/s3.js'
export {
  type Shipping,
  type ShippingLimits,
  type ShipTo,
  type SinkStatus,
  startShipping,
} from './ship/shipping.js'
export type { Batch, Delivery, Sink } from './ship/sink.js'
export { syslogSink } from './ship/syslog.js'
export { openSide, type SideCipher, type SideReader, sideCipher } from './side.js'
export {
  type HandOver,
  type KeySuccession,
  type LogKey,
  lastHandOver,
  type RetiringKey,
} from './succession.js'
export { exportTiles } from './tiles/export-tiles.js'
export { serveTiles, type TilesServer } from './tiles/serve-tiles.js'
export { askWitnesses } from './witnesses/ask.js'
export { type Cosigning, type CosigningStatus, startCosigning } from './witnesses/cosigning.js'
export { readWitnessed, type Witnessed, witnessedBeside } from './witnesses/witnessed.js'
export type { LedgerLimits } from './writer.js'
