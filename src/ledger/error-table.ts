import { type ErrorTable, errorsOf } from '../canon/index.js'

const inspect =
  'Leave the folder as it is and run `countersign ledger check`; docs/recovery.md goes on from its verdict.'

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
  ledger_disk: {
    status: null,
    sentence: 'The disk of the ledger takes nothing more, or fails; the ledger itself was not found damaged.',
    mend: 'Make room on it, or mend it (mount, quota, errors), and leave the ledger alone: the keeper is started again by itself.',
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
  archive_unreadable: {
    status: 503,
    sentence: 'The archive that the oldest entries were moved to cannot be read.',
    mend: 'Bring the folder back to where it was (`countersign status` shows it), or name it: `--archive DIR`.',
  },
  archive_differs: {
    status: 409,
    sentence: 'The folder is not the archive of this ledger, or not as it was written.',
    mend: 'Name the right folder, or restore it from its copy; a shipped copy of the log holds the same entries. Nothing was deleted for its sake.',
  },
  archive_unfit: {
    status: 409,
    sentence: 'The ledger cannot be archived so far.',
    mend: 'Name fewer entries: the newest stay, and everything from the oldest open attempt on. The folder is one of its own, outside the ledger’s, where not everybody may write.',
  },
  archive_busy: {
    status: 409,
    sentence: 'The ledger is being archived already.',
    mend: 'Wait until `countersign status` says that it is done.',
  },
  archive_failed: {
    status: 500,
    sentence: 'The archive could not be written.',
    mend: 'See to it that the keeper’s user may write there and that there is room, and order it again; nothing was deleted.',
  },
  ledger_write_failed: {
    status: 503,
    sentence: 'A receipt could not be made durable, so nothing more is admitted.',
    mend: 'Mend the disk (space, mode, errors). The keeper ends by itself, and goes on when it is started again and finds the ledger sound.',
  },
  mark_write_failed: {
    status: 503,
    sentence: 'The high-water file could not be written, so nothing more is admitted.',
    mend: 'Mend the volume of `ledger.highWater` (space, mode, errors). The keeper ends by itself, and goes on when it is started again.',
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
  ship_unreachable: {
    status: null,
    sentence: 'The place that receipts are shipped to can’t be reached.',
    mend: 'Check DNS, egress and certificates from the keeper; shipping goes on by itself.',
  },
  ship_timeout: {
    status: null,
    sentence: 'The place that receipts are shipped to did not take them in time.',
    mend: 'Look at that side; shipping goes on by itself.',
  },
  ship_refused: {
    status: null,
    sentence: 'The place that receipts are shipped to refuses them.',
    mend: 'Check the credential, what it may do there, and the settings under `ledger.ship`.',
  },
  ship_answer: {
    status: null,
    sentence: 'The place that receipts are shipped to gives no usable answer.',
    mend: 'Look at that side; a redirect is never followed, so name the place itself.',
  },
  ship_address: {
    status: null,
    sentence: 'The place that receipts are shipped to has an address that is not dialled.',
    mend: 'Name a host whose addresses are not link-local; look for a rebinding DNS answer.',
  },
  ship_conflict: {
    status: null,
    sentence: 'The shipped copy holds another entry than the ledger in the same place.',
    mend: 'One of the two was changed or is a fork: keep both, and compare them with `countersign receipts verify LEDGER --against COPY`.',
  },
  ship_ahead: {
    status: null,
    sentence: 'The shipped copy holds entries that the ledger does not.',
    mend: 'The ledger has lost entries: keep both, and compare them with `countersign receipts verify LEDGER --against COPY`.',
  },
  ship_cursor: {
    status: null,
    sentence: 'The file that says how far receipts were shipped can’t be used.',
    mend: 'Check space and mode of the folder `shipped` beside the high-water file; what was shipped is sent again.',
  },
  tiles_differ: {
    status: null,
    sentence: 'The folder of tiles and the log are not the same history.',
    mend: 'Keep the folder: it may be what the log has lost. Find out which of the two is right, and export into a new folder.',
  },
  tiles_listen_failed: {
    status: null,
    sentence: 'The log can’t be served to read there.',
    mend: 'Name a free address in `ledger.tiles.listen`.',
  },
  ledger_behind_witness: {
    status: null,
    sentence: 'The ledger has lost entries that witnesses have cosigned, or holds others in their place.',
    mend: inspect,
  },
  witnessed_invalid: {
    status: null,
    sentence: 'The file with the newest witnessed checkpoint is not what this keeper wrote.',
    mend: 'Restore the file beside the high-water file. If it is lost, remove it: the witnesses are asked again, and they remember.',
  },
  witness_unreachable: {
    status: null,
    sentence: 'A witness can’t be reached.',
    mend: 'Check its URL in the file of `witnesses.policy` and whether it runs; it is asked again by itself.',
  },
  witness_refused: {
    status: null,
    sentence: 'A witness refuses the checkpoint.',
    mend: '403 and 404: let its operator list the line of `countersign witness log`. 422: the ledger is not the one that it has cosigned; keep it, and compare it with the shipped copy.',
  },
  witness_answer: {
    status: null,
    sentence: 'A witness gives no usable answer.',
    mend: 'Check its URL and its verifier key in the file of `witnesses.policy`.',
  },
  witness_ahead: {
    status: null,
    sentence: 'A witness has cosigned more entries than the ledger has.',
    mend: 'The ledger has lost entries, or is an old copy: keep it, and compare it with the shipped copy.',
  },
  witness_forgot: {
    status: null,
    sentence: 'A witness says that it has seen less than it cosigned.',
    mend: 'Its memory was rolled back: its operator must make a new witness, and you must stop counting this one.',
  },
  copy_malformed: {
    status: null,
    sentence: 'There is no shipped copy of a log here, or more than one.',
    mend: 'Pass the folder or prefix that holds `entries` and `checkpoint`, or name the log with --chain.',
  },
} as const satisfies ErrorTable

export const ledgerFault = errorsOf(ledgerErrors)
