import { ledgerErrors } from './error-table.js'

interface VerdictWords {
  /** Whether a keeper may start on it. */
  readonly sound: boolean
  readonly sentence: string
  readonly mend: string
}

const recover =
  'Do not start the keeper again. Restore the newest whole copy if there is one; otherwise `countersign ledger recover --prepare FILE`.'

function asFault(code: keyof typeof ledgerErrors, mend: string = ledgerErrors[code].mend): VerdictWords {
  return { sound: false, sentence: ledgerErrors[code].sentence, mend }
}

/**
 * What `countersign ledger check` can answer, each with what to do. Where the keeper refuses to start for the same
 * reason, the code is that of its fault. docs/recovery.md lists them, and a test compares.
 */
export const LEDGER_VERDICTS = {
  sound: {
    sound: true,
    sentence: 'Every entry holds, and the ledger ends exactly at its high-water mark.',
    mend: 'Start the keeper.',
  },
  ahead_of_mark: {
    sound: true,
    sentence:
      'Every entry holds, and the ledger goes on after its high-water mark, as after a crash or kill.',
    mend: 'Start the keeper; it brings the mark up to date.',
  },
  entry_damaged: {
    sound: false,
    sentence: 'An entry is missing, changed, moved or not signed by this sidecar.',
    mend: recover,
  },
  tree_damaged: {
    sound: false,
    sentence:
      'Every entry holds, but the tree, the head or the state that is stored beside them is not as it was written.',
    mend: recover,
  },
  ledger_behind_mark: asFault('ledger_behind_mark', recover),
  ledger_differs: asFault('ledger_differs', recover),
  ledger_missing: asFault(
    'ledger_missing',
    'Check `ledger.dir` and its volume first. If it is really gone: `countersign ledger recover --prepare FILE`.',
  ),
  ledger_unreadable: asFault('ledger_unreadable', recover),
  ledger_foreign: asFault('ledger_foreign'),
  mark_missing: asFault(
    'mark_missing',
    'Check `ledger.highWater` and its volume first. If it is really gone: `countersign ledger recover --prepare FILE`.',
  ),
  mark_invalid: asFault(
    'mark_invalid',
    'Check `keeper.keys` and the volume of `ledger.highWater` first. If it is really spoilt: `countersign ledger recover --prepare FILE`.',
  ),
  ledger_empty: {
    sound: false,
    sentence: 'There is no entry, and no mark that covers one.',
    mend: 'Before a first start this is as it should be: start the keeper. Otherwise ledger and mark were taken away together; hold a shipped copy or a cosigned checkpoint against it with --checkpoint.',
  },
  recovery_unfinished: {
    sound: false,
    sentence: 'A recovery was applied and did not get to its end.',
    mend: 'Apply the same file again: `countersign ledger recover --apply FILE`.',
  },
  archive_unreadable: asFault(
    'archive_unreadable',
    'Name the folder that the oldest entries were moved to: --archive DIR. A keeper may start without it, but nobody can check them.',
  ),
  archive_differs: asFault(
    'archive_differs',
    'Name the right folder: --archive DIR; or restore it from its copy. A shipped copy of the log holds the same entries.',
  ),
  ledger_locked: asFault('ledger_locked', 'Stop the keeper, or check a copy of the folder.'),
  evidence_moving: asFault('evidence_moving', 'Stop the keeper, or check a copy of the folder.'),
} as const satisfies Record<string, VerdictWords>

export type LedgerVerdict = keyof typeof LEDGER_VERDICTS
