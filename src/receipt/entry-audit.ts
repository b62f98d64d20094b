import type { Entry } from './entry.js'
import type { FindingCode } from './findings.js'

/** Holds what entries say against each other, or against something from outside of the log. */
export interface EntryAudit {
  /** A well-formed entry; a promise is waited for before the next one comes. */
  audit(entry: Entry, report: ReportDeviation): Promise<void> | void
  /** There are no more. */
  finish?(report: ReportDeviation): void
}

/** A finding about what an entry says. The entry is no less authentic for it, so the valid prefix stays as it is. */
export type ReportDeviation = (code: FindingCode, seq: number, detail?: string) => void
