export type { Appended, Companion, Ledger, LedgerHead, OpenAttempt, StateReader } from './ledger.js'
