import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Faults of the keeper that an operator sees; what an agent may see of it stands with the link. Held against docs/errors.md by a test. */
export const keeperErrors = {
  policy_missing: {
    status: 503,
    sentence: 'No policy is in force; nothing is admitted.',
    mend: 'Seal a policy for this audience, and reload.',
  },
  policy_unreadable: {
    status: null,
    sentence: 'The sealed policy, a catalog or the trust root can’t be read.',
    mend: 'Check the paths in the configuration and the files’ owner and mode.',
  },
  policy_unreachable: {
    status: null,
    sentence: 'The server that the policy comes from gives no usable answer.',
    mend: 'Check the URL in the configuration, and whether the server has the sealed policy and its catalogs.',
  },
  policy_withdrawn: {
    status: 503,
    sentence: 'The trust root has revoked the policy that was in force, or raised its lowest version.',
    mend: 'Seal a policy that the trust root admits.',
  },
  grant_order_replayed: {
    status: 403,
    sentence: 'This grant order was fulfilled before.',
    mend: 'Sign a new order for each grant.',
  },
  grant_order_outdated: {
    status: 403,
    sentence: 'The grant order was signed before the ledger was recovered; it may have been fulfilled then.',
    mend: 'Sign a new order.',
  },
  grant_order_agent: {
    status: 403,
    sentence: 'The policy in force doesn’t give grants to this agent for this environment.',
    mend: 'Order for an agent and environment that the policy names with `identity: [{grant: true}]`.',
  },
  grant_unknown: {
    status: 404,
    sentence: 'No grant with this id is remembered.',
    mend: 'List the grants for their ids; one that expired a day ago needs no revoking.',
  },
  renewal_unknown: {
    status: 404,
    sentence: 'The grant that is to be renewed is not remembered here.',
    mend: 'Order a grant that renews none; it begins a session of its own.',
  },
  renewal_revoked: {
    status: 403,
    sentence: 'The session of the grant that is to be renewed was revoked.',
    mend: 'Find out why it was revoked before you begin a new session.',
  },
  renewal_mismatch: {
    status: 403,
    sentence: 'The grant that is to be renewed was for another agent, environment, task or owner.',
    mend: 'Order a grant that renews none, or renew the one that fits.',
  },
  renewal_over: {
    status: 403,
    sentence: 'The session has lasted as long as the policy lets this agent’s sessions last.',
    mend: 'Begin a new session, or seal a policy with a longer `session` for this agent.',
  },
  approval_unknown: {
    status: 404,
    sentence: 'Nothing with this id waits for people: it was used, has expired, or never was.',
    mend: 'List what waits with `countersign approvals list`.',
  },
  approval_used: {
    status: 404,
    sentence: 'It was approved, and its call has passed.',
    mend: 'Look at the receipts: `countersign receipts list`.',
  },
  approval_superseded: {
    status: 409,
    sentence: 'The policy under which this was asked is not in force any more.',
    mend: 'Have the agent repeat its call: it is decided, and asked about, under the policy of now.',
  },
  approval_decided: {
    status: 409,
    sentence: 'This approval was rejected or used already.',
    mend: 'Look at `countersign approvals show`.',
  },
  approval_changing: {
    status: 409,
    sentence: 'Somebody else’s word about this approval is being written down.',
    mend: 'Try again.',
  },
  approval_signed: {
    status: 409,
    sentence: 'The same person has approved this already.',
    mend: '`countersign approvals show` says who has, and how many it takes: where one is not enough, somebody else of the group.',
  },
  approval_replayed: {
    status: 409,
    sentence: 'The same person has signed a later word about this approval.',
    mend: 'Sign it anew: `countersign approve`.',
  },
  passkey_counted_back: {
    status: 409,
    sentence: 'The passkey shows a lower number of signatures than before: there may be a copy of it.',
    mend: 'Approve it by another key. If nobody touched this one meanwhile, take it out of the policy.',
  },
  approval_unsigned: {
    status: 409,
    sentence: 'This person has not approved it, so there is nothing to withdraw.',
    mend: 'Reject it instead: `countersign reject`.',
  },
  grant_order_halted: {
    status: 403,
    sentence: 'The agent or its task is halted, and gets no grant.',
    mend: 'Look at `countersign status`, and end the halt with `countersign resume` once it may go on.',
  },
  freeze_past: {
    status: 400,
    sentence: 'The freeze would have ended already.',
    mend: 'Pass a time to come as --until, or none.',
  },
  halts_full: {
    status: 409,
    sentence: 'A thousand agents and tasks are halted one by one already.',
    mend: 'Halt everything with `countersign halt --all`.',
  },
  not_stopped: {
    status: 409,
    sentence: 'Nothing of that scope is halted or frozen.',
    mend: 'Look at `countersign status`.',
  },
  operate_order_replayed: {
    status: 403,
    sentence: 'This operate order was fulfilled before.',
    mend: 'Sign a new order for each time.',
  },
  archive_too_far: {
    status: 409,
    sentence: 'So much of the ledger cannot be archived now.',
    mend: 'Name fewer entries, or wait: the newest stay, and what a sink, the witnesses or an open attempt still need.',
  },
  approval_waits: {
    status: 409,
    sentence:
      'The arguments are those of an approval that people decide about, or that its call may still use.',
    mend: 'Reject or withdraw it, or wait until it has expired: `countersign approvals show ID`. Nothing was erased.',
  },
  nothing_to_erase: {
    status: 409,
    sentence:
      'The receipt has no decision inputs: it is no attempt, they were never kept, or they were erased before.',
    mend: 'Leave it out of the order, which was not carried out.',
  },
  receipt_unknown: {
    status: 404,
    sentence: 'The ledger has no entry with this number.',
    mend: 'Use a number below the size that `countersign status` shows.',
  },
  admin_malformed: {
    status: 400,
    sentence: 'The request to the admin API is malformed.',
    mend: 'Use the command-line tool of the same version.',
  },
  not_remote: {
    status: 403,
    sentence: 'The keeper doesn’t do this for another machine.',
    mend: 'Run the command on the keeper’s own machine, or with a tunnel to its admin socket: `ssh -L`.',
  },
  remote_listen_failed: {
    status: null,
    sentence: 'The keeper can’t be served to other machines there.',
    mend: 'Name a free address of this machine in `keeper.remote.listen`.',
  },
  admin_fault: {
    status: 500,
    sentence: 'The keeper failed at this request.',
    mend: 'Look at the keeper’s log.',
  },
  socket_in_use: {
    status: null,
    sentence: 'Another keeper answers on this socket.',
    mend: 'Stop it first, or give this keeper another socket and another ledger.',
  },
  socket_blocked: {
    status: null,
    sentence: 'The path of the socket is taken by something that is not a socket.',
    mend: 'Remove it, or name another path in the configuration.',
  },
} as const satisfies ErrorTable

export const keeperFault = errorsOf(keeperErrors)
