import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes thrown by the receipt room; held against docs/errors.md by a test. What the verifier finds in a chain has codes of its own, see `findings.ts`. */
export const receiptErrors = {
  entry_malformed: {
    status: null,
    sentence: 'The bytes are not a ledger entry in its one canonical form.',
    mend: 'Take the entry from the ledger again; an entry is never edited.',
  },
  entry_too_large: {
    status: 413,
    sentence: 'A ledger entry would be larger than 65,535 bytes.',
    mend: 'Shorten the lists: write a count and a commitment instead of every member.',
  },
  inputs_malformed: {
    status: null,
    sentence: 'The record of decision inputs is not in its canonical form.',
    mend: 'Take the record from the side store again, and check that the right key opened it.',
  },
  checkpoint_malformed: {
    status: null,
    sentence: 'The text is not a checkpoint in a signed note.',
    mend: 'Pass the file that `countersign receipts export` wrote, unchanged.',
  },
  proof_malformed: {
    status: null,
    sentence:
      'It is not a proof in its one form, or one was asked for over a tree that does not have that shape.',
    mend: 'Pass the proof unchanged; ask for an index below the size, and for an older size not above the newer.',
  },
  bundle_malformed: {
    status: null,
    sentence: 'The file is not a bundle of receipts in its one canonical form.',
    mend: 'Pass the file that `countersign receipts export` wrote, unchanged.',
  },
  add_checkpoint_malformed: {
    status: 400,
    sentence: 'It is not an old size, a proof and a checkpoint (c2sp.org/tlog-witness).',
    mend: 'Send `old SIZE`, at most 63 hashes, an empty line and the signed checkpoint; the old size is at most the new one.',
  },
  verifier_key_malformed: {
    status: null,
    sentence: 'The text is not a verifier key of a log or a witness with Ed25519.',
    mend: 'Copy the whole key: name, plus, eight hex digits, plus, base64. The digits are a checksum over name and key.',
  },
  witness_policy_malformed: {
    status: null,
    sentence: 'The file is not a policy of logs and witnesses (c2sp.org/tlog-policy).',
    mend: 'Mend the line that is named: log KEY [URL], witness NAME KEY [URL], group NAME with all, any or a number and its members, and one quorum NAME or none.',
  },
} as const satisfies ErrorTable

export const receiptFault = errorsOf(receiptErrors)
