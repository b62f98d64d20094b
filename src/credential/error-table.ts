import { type ErrorTable, errorsOf } from '../canon/index.js'

const RESTORE = 'Restore the vault from a backup, or make it anew with `countersign vault put --create`.'

/**
 * Codes thrown by the credential room; held against docs/errors.md by a test. Those of a vault or a minter stand in
 * the keeper's log: the agent is told `credential_unavailable`. What is wrong with a grant stands with the link.
 */
export const credentialErrors = {
  grant_signer_unavailable: {
    status: 503,
    sentence: 'The grant key is held by a signer that doesn’t answer, so no grant is issued.',
    mend: 'Look at the signer of `keeper.signers.grant`; it is started again by itself.',
  },
  grant_signer_unfit: {
    status: null,
    sentence:
      'The signer of grants signs the same text differently each time, so secrets of AWS grants can’t be derived from it.',
    mend: 'Use a signer with deterministic Ed25519 (RFC 8032), or keep the grant key in a file.',
  },
  grant_order_invalid: {
    status: 400,
    sentence: 'No grant can be issued as ordered.',
    mend: 'Name agent, environment, task, owner and slot in at most 128 plain characters each, for at most 3600 seconds.',
  },

  vault_missing: {
    status: null,
    sentence: 'There is no vault at the configured path.',
    mend: 'Make one with `countersign vault put --create`.',
  },
  vault_exists: {
    status: null,
    sentence: 'There is a vault already.',
    mend: 'Add to it with `countersign vault put`.',
  },
  vault_mode: {
    status: null,
    sentence: 'Others could read or replace the vault or its key.',
    mend: 'Let the keeper own the file and set its mode to 0600.',
  },
  vault_key_missing: {
    status: null,
    sentence: 'The key of the vault is not where the configuration says.',
    mend: 'Check `vault.key` in the configuration.',
  },
  vault_key_weak: {
    status: null,
    sentence: 'The key of the vault is too short to protect it.',
    mend: 'Use 32 random bytes (raw, hex or base64), or a passphrase of 16 characters or more.',
  },
  vault_key: {
    status: null,
    sentence: 'The vault was not sealed with this key.',
    mend: 'Check `vault.key` in the configuration; after a rekey it must name the new key.',
  },
  vault_truncated: { status: null, sentence: 'The vault file ends early.', mend: RESTORE },
  vault_tampered: {
    status: null,
    sentence: 'The vault was changed after it was sealed.',
    mend: RESTORE,
  },
  vault_malformed: { status: null, sentence: 'The file is not a vault of this version.', mend: RESTORE },
  vault_busy: {
    status: null,
    sentence: 'Another command is writing the vault.',
    mend: 'Wait for it; if none is running, delete the `.new` file beside the vault.',
  },
  vault_rekeying: {
    status: null,
    sentence: 'The key of the vault is being replaced.',
    mend: 'Finish with `countersign vault rekey --finish` first.',
  },
  vault_write: {
    status: null,
    sentence: 'The vault could not be written; the old one is intact.',
    mend: 'Check the free space and the mode of its folder.',
  },
  vault_entry_invalid: {
    status: null,
    sentence: 'The vault entry does not hold what its minter needs.',
    mend: 'See `countersign vault put --help` for the shape of each kind.',
  },
  vault_entry_missing: {
    status: null,
    sentence: 'The vault has no entry for this credential.',
    mend: 'Add it with `countersign vault put NAME`.',
  },
  vault_entry_kind: {
    status: null,
    sentence: 'The vault entry is for another minter than the sealed policy names.',
    mend: 'Put an entry of the right kind, or seal a policy that names this minter.',
  },
  vault_entry_origin: {
    status: null,
    sentence: 'The vault entry may not be used for this origin.',
    mend: 'Put it again with the origin listed, if the upstream is meant.',
  },
  vault_entry_environment: {
    status: null,
    sentence: 'The vault entry may not be used in the environment of this agent.',
    mend: 'Put an entry for the environment under its own name.',
  },

  minter_unavailable: {
    status: null,
    sentence: 'This sidecar has no such minter.',
    mend: 'Seal a policy with another minter for this credential.',
  },
  credential_insufficient: {
    status: null,
    sentence: 'No credential at hand covers the operation.',
    mend: 'Provision a credential that covers it and put it into the vault.',
  },
  credential_unbounded: {
    status: null,
    sentence: 'The credential would reach further than it may.',
    mend: 'Provision a narrower one; see SECURITY.md for what each minter accepts.',
  },
  credential_revoked: {
    status: null,
    sentence: 'The credential was revoked while it was being made.',
    mend: 'Look for a halt or a revoked grant with `countersign status`.',
  },
  credential_unrecorded: {
    status: null,
    sentence: 'The credential could not be recorded and is not used.',
    mend: 'Look at the state of the ledger with `countersign status`.',
  },
  broker_closed: {
    status: null,
    sentence: 'The keeper is stopping and makes no more credentials.',
    mend: 'Repeat the request after the restart.',
  },
  mint_failed: {
    status: null,
    sentence: 'The credential could not be made.',
    mend: 'Look at the log of the keeper.',
  },
  mint_refused: {
    status: null,
    sentence: 'The upstream refused to make a credential.',
    mend: 'Check that the secret in the vault is still valid and may do this.',
  },
  mint_answer: {
    status: null,
    sentence: 'The upstream answered something else than a credential.',
    mend: 'Check the address in the sealed policy; retry later if the upstream is failing.',
  },
  mint_unreachable: {
    status: null,
    sentence: 'The upstream that makes the credential can not be reached.',
    mend: 'Check DNS, egress and certificates from the keeper.',
  },
  mint_timeout: {
    status: null,
    sentence: 'The upstream did not make a credential in time.',
    mend: 'Retry later.',
  },
  mint_address: {
    status: null,
    sentence: 'The upstream that makes the credential is not one that this sidecar sends secrets to.',
    mend: 'Use https, and name a private upstream in the sealed policy if it is meant.',
  },
} as const satisfies ErrorTable

export const credentialFault = errorsOf(credentialErrors)
