import { type ErrorTable, errorsOf } from '../canon/index.js'

const inspect =
  'Keep the folder as it is, copy it and run `countersign ledger check` on the copy; restore the newest good copy or let an operator sign a recovery.'

/** Codes thrown by the ledger room; held against docs/errors.md by a test. */
export const ledgerErrors = {
  ledger_locked: {
    status: null,
    sentence: 'Another process holds this ledger.',
    mend: 'Stop the other keeper first: a ledger has one active keeper.',
  },
  ledger_unreadable: {
    status: null,
    sentence: 'The ledger folder cannot be opened.',
    mend: inspect,
  },
  ledger_missing: {
    status: null,
    sentence: 'The high-water file covers entries, but the ledger is not there.',
    mend: 'Check `ledger.dir` and its volume. An empty ledger is never started over an existing mark.',
  },
  ledger_damaged: {
    status: null,
    sentence: 'The ledger does not hold together.',
    mend: inspect,
  },
  ledger_behind_mark: {
    status: null,
    sentence: 'The ledger has lost entries that the high-water file covers.',
    mend: inspect,
  },
  ledger_differs: {
    status: null,
    sentence: 'The ledger has another root than the high-water file at the same size.',
    mend: inspect,
  },
  ledger_foreign: {
    status: null,
    sentence: 'The ledger belongs to another origin or to another receipt key.',
    mend: 'Check `origin`, `keeper.keys` and `ledger.dir` in the configuration.',
  },
  mark_missing: {
    status: null,
    sentence: 'There is a ledger but no high-water file.',
    mend: 'Check `ledger.highWater` and its volume. Without its mark a rolled-back ledger cannot be told from a whole one.',
  },
  mark_invalid: {
    status: null,
    sentence: 'The high-water file is not a mark signed by this keeper.',
    mend: 'Restore the file from its volume, and check `keeper.keys`; it is never edited.',
  },
  ledger_write_failed: {
    status: 503,
    sentence: 'A receipt could not be made durable, so nothing more is admitted.',
    mend: 'Mend the disk (space, mode, errors) and restart the keeper.',
  },
  mark_write_failed: {
    status: 503,
    sentence: 'The high-water file could not be written, so nothing more is admitted.',
    mend: 'Mend the volume of `ledger.highWater` (space, mode, errors) and restart the keeper.',
  },
  ledger_busy: {
    status: 503,
    sentence: 'Too many receipts are waiting to be written.',
    mend: 'Try again in a moment; if it lasts, the disk is too slow for the load.',
  },
  ledger_closed: {
    status: 503,
    sentence: 'The ledger is closed.',
    mend: 'The keeper is stopping; try again when it runs.',
  },
  signer_unavailable: {
    status: 503,
    sentence: 'A key of the ledger is held by a signer that doesn’t answer, so nothing more is admitted.',
    mend: 'Look at the signer (its token, its PIN, its own log); it is started again by itself, and the keeper goes on when it answers.',
  },
  succession_unfit: {
    status: null,
    sentence: 'The entries that hand the log over are not those of the keys that are to follow.',
    mend: 'Make the request and the enrolment anew with `countersign trust request`.',
  },
  attempt_not_open: {
    status: null,
    sentence: 'The outcome names no open attempt.',
    mend: 'An attempt has exactly one outcome, and a denied one has none.',
  },
  side_unreadable: {
    status: null,
    sentence: 'The record of decision inputs cannot be decrypted.',
    mend: "Pass the auditor's private key that belongs to the public key of that boot.",
  },
  dump_malformed: {
    status: null,
    sentence: 'The file is not a dump of receipts.',
    mend: 'Pass a ledger folder, or a file made by `countersign receipts export`.',
  },
  evidence_moving: {
    status: null,
    sentence: 'The ledger folder changed while it was copied.',
    mend: 'Stop its keeper first, or use `countersign receipts export --config FILE`.',
  },
} as const satisfies ErrorTable

export const ledgerFault = errorsOf(ledgerErrors)
