import { type ErrorTable, errorsOf } from '../canon/index.js'

const forgotten =
  'Restore the newest state. A witness that has forgotten what it saw must not go on under its name: make a new one with `countersign witness init`, and let its logs and their verifiers replace the key.'

/** Codes of the witness: what it answers to a log, and what keeps it from starting. Held against docs/errors.md by a test. */
export const witnessErrors = {
  add_checkpoint_too_large: {
    status: 413,
    sentence: 'The request is larger than a proof and a checkpoint can be.',
    mend: 'Send at most 63 hashes and 256 KiB in all.',
  },
  checkpoint_unsigned: {
    status: 403,
    sentence:
      'The checkpoint is not signed by a key that the witness knows for its origin, or such a signature is wrong.',
    mend: 'Let the operator of the witness list the verifier key of this origin, epoch included.',
  },
  log_unknown: {
    status: 404,
    sentence: 'The witness does not know this log, or has cosigned nothing of it.',
    mend: 'Let the operator of the witness add `log KEY` for this origin, epoch included.',
  },
  size_conflict: {
    status: 409,
    sentence: 'The witness last cosigned another size of this log.',
    mend: 'Prove consistency from the size in the answer.',
  },
  checkpoint_inconsistent: {
    status: 422,
    sentence:
      'The checkpoint does not contain what the witness has cosigned before, or its proof does not show it.',
    mend: 'Find out why the log has changed its past: a restored backup, a second keeper, or worse. The witness will never cosign it.',
  },
  witness_halted: {
    status: 503,
    sentence: 'The witness could not write its state and cosigns nothing more.',
    mend: 'Mend the disk (space, mode, errors), see that no other process uses this state, and start the witness again.',
  },
  witness_listen_failed: {
    status: null,
    sentence: 'The witness can’t listen there.',
    mend: 'Pass a free address with --listen HOST:PORT, and a certificate and key in PEM that belong together.',
  },
  witness_state_missing: {
    status: null,
    sentence: 'The witness has no state.',
    mend: forgotten,
  },
  witness_state_damaged: {
    status: null,
    sentence: 'The state of the witness can’t be read.',
    mend: forgotten,
  },
  witness_state_behind: {
    status: null,
    sentence: 'The state of the witness is older than its mark, or another: it was rolled back.',
    mend: forgotten,
  },
  witness_mark_missing: {
    status: null,
    sentence: 'The mark of the witness’s state is missing or can’t be read.',
    mend: 'Restore it from its volume. Without it a state that was rolled back can’t be told from a whole one.',
  },
  witness_key_differs: {
    status: null,
    sentence: 'The state belongs to a witness with another key.',
    mend: 'Pass the key that `countersign witness init` made with this state.',
  },
} as const satisfies ErrorTable

export const witnessFault = errorsOf(witnessErrors)
