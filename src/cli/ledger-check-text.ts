import { LEDGER_VERDICTS, type LedgerCheck } from '../ledger/index.js'
import { verdictLines } from './verdict-text.js'

/** Verdicts about a ledger that was not read. */
const UNREAD: readonly LedgerCheck['verdict'][] = [
  'ledger_locked',
  'evidence_moving',
  'recovery_unfinished',
  'archive_unreadable',
  'archive_differs',
]

/** What a check of a ledger found, for people: the verdict, what to do, and all that it rests on. */
export function checkLines(check: LedgerCheck): string[] {
  const { verdict, detail, mark, left, lost, verification } = check
  const { sentence, mend } = LEDGER_VERDICTS[verdict]
  return [
    `${verdict}: ${sentence}${detail === '' ? '' : ` (${detail})`}`,
    `  do          ${mend}`,
    `  mark        ${mark === null ? 'none that can be used' : `covers ${mark.size} entries of ${mark.origin}`}`,
    ...(UNREAD.includes(verdict)
      ? ['  left        not looked at: nothing is said about what is left or lost']
      : [
          `  left        ${left.size} entries, proven from the first on`,
          `  lost        ${lost === 0 ? 'no entry that anything here knows of' : `${lost} entries that certainly were there`}`,
        ]),
    ...(verification === null
      ? []
      : verdictLines({
          ...verification,
          references: null,
          decisions: null,
          countersignatures: null,
          seals: null,
          trust: null,
          erasures: null,
        })),
  ]
}

/**
 * The same as members of one JSON document; `left` and `lost` are null of a ledger that was not read, and what the use
 * cases had written down is nobody's to read here.
 */
export function checkJson({ memory: _, verification, ...check }: LedgerCheck): Record<string, unknown> {
  const { sentence, mend } = LEDGER_VERDICTS[check.verdict]
  const unread = UNREAD.includes(check.verdict) ? { left: null, lost: null } : {}
  return { ...check, ...unread, sentence, mend, verification }
}
