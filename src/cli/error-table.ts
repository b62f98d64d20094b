import { type ErrorTable, errorsOf } from '../canon/index.js'

/** What keeps a command or the sidecar from starting; held against docs/errors.md by a test. */
export const cliErrors = {
  pod_unknown: {
    status: null,
    sentence: 'The variable that should have the id of this pod is not set.',
    mend: 'Give it to the keeper by the downward API (metadata.uid), or leave `keeper.pod` out where it serves many pods.',
  },
  config_missing: {
    status: null,
    sentence: 'The configuration can’t be read.',
    mend: 'Make one with `countersign init DIR`, or pass --config FILE.',
  },
  config_malformed: {
    status: null,
    sentence: 'The file is not the configuration of a sidecar.',
    mend: 'Mend what is listed; the schema is config/schema/config.v1.json.',
  },
  config_altered: {
    status: null,
    sentence: 'The configuration is not the one that this sidecar was pinned to.',
    mend: 'Find out who has changed the file; after a change of your own, pin its new digest: `sha256sum`.',
  },
  policy_plaintext: {
    status: null,
    sentence: 'A production audience doesn’t fetch its policy over plain HTTP.',
    mend: 'Serve it over https://; plain HTTP is for an audience that the trust root lists as a test audience.',
  },
  ship_plaintext: {
    status: null,
    sentence: 'A production audience doesn’t ship receipts in the clear.',
    mend: 'Use https:// or tls://; tcp:// to this host alone is for a relay on it.',
  },
  notify_plaintext: {
    status: null,
    sentence: 'A production audience doesn’t send notices in the clear.',
    mend: 'Use https:// for the webhook in `keeper.notify`.',
  },
  inventory_malformed: {
    status: null,
    sentence: 'The file is not an inventory of sidecars.',
    mend: 'Mend what is listed: apiVersion, kind: Inventory, and `sidecars` with an origin each; docs/shipping.md shows one.',
  },
  approval_inconsistent: {
    status: null,
    sentence: 'What the keeper shows of this approval does not belong together.',
    mend: 'Sign nothing. Somebody stands between you and the keeper, or the keeper is not sound.',
  },
  users_invalid: {
    status: null,
    sentence: 'Gate and keeper must be two users, neither of them root, in a group that is not root’s.',
    mend: 'Mend `users` in the configuration.',
  },
  users_shared: {
    status: null,
    sentence: 'A production audience doesn’t run gate and keeper as one user.',
    mend: 'Start as root with `users:` in the configuration, or give each process its container with `run --role`.',
  },
  file_unreachable: {
    status: null,
    sentence: 'A process can’t use a file that it needs.',
    mend: 'Check the path. Where the file is there, give it to that user or group, or put it where it can be reached.',
  },
  folder_shared: {
    status: null,
    sentence: 'The sockets of gate and keeper are in one folder.',
    mend: 'Give the gate’s socket a folder of its own: agents reach that one, and must not reach the keeper’s.',
  },
  key_unusable: {
    status: null,
    sentence: 'A file with a key or another secret is missing, is something else, or can be read by others.',
    mend: 'Restore it, with mode 0600: `chmod 600 FILE`.',
  },
  remote_tls_unusable: {
    status: null,
    sentence: 'A certificate or key of `keeper.remote` can’t be used.',
    mend: 'Name PEM files: a certificate chain, its own key, and the CA that issues the clients’ certificates.',
  },
  enrolment_unfit: {
    status: null,
    sentence: 'The enrolment is not for this sidecar’s origin and keys.',
    mend: 'Restore the keys, mend `origin`, or enrol the instance again.',
  },
  signer_failed: {
    status: null,
    sentence: 'A signer doesn’t answer, or not as its protocol says.',
    mend: 'Run its command by hand and write `{"id":1,"op":"public-key"}` to it; docs/keys.md says what it has to answer.',
  },
  keys_not_moved: {
    status: null,
    sentence: 'The sidecar’s new keys are in force, and their files could not be moved to their place.',
    mend: 'Let the keeper’s user write in the folder of `keeper.keys`, then restart it: it finds the keys where they lie.',
  },
  role_not_ready: {
    status: null,
    sentence: 'A process of the sidecar ended before it was ready.',
    mend: 'Mend what it says above.',
  },
  witnesses_unfit: {
    status: null,
    sentence: 'The file of `witnesses.policy` doesn’t say whom to ask, or asks for nobody.',
    mend: 'Give every witness the URL of its submission prefix, http:// or https:// without query, and name a quorum.',
  },
  recovery_elsewhere: {
    status: null,
    sentence: 'The recovery is for another sidecar.',
    mend: 'Apply it where its origin is configured.',
  },
  recovery_differs: {
    status: null,
    sentence: 'The ledger is not as it was when the recovery was prepared.',
    mend: 'Leave everything as it is, prepare a new statement and have it signed; pass the same --checkpoint files to both steps.',
  },
  catalog_unreadable: {
    status: null,
    sentence: 'A shipped catalog is not the file that this version came with.',
    mend: 'Install this version of countersign anew.',
  },
} as const satisfies ErrorTable

export const cliFault = errorsOf(cliErrors)
