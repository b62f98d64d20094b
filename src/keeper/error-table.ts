import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes of the keeper: refusals that an agent sees, and faults that an operator does. Held against docs/errors.md by a test. */
export const keeperErrors = {
  foreign_credential: {
    status: 403,
    sentence: 'The request carries a credential that is not a grant of this sidecar; this was recorded.',
    mend: 'Remove it and tell the operator where it was found; only the grant belongs into a request.',
  },
  grant_missing: {
    status: 401,
    sentence: 'The request carries no grant.',
    mend: 'Send the grant where the API expects its credential, or as Countersign-Grant.',
  },
  grant_rate_limited: {
    status: 429,
    sentence: 'This grant was refused too often in a short time.',
    mend: 'Stop repeating refused calls, and wait before the next one.',
  },
  agent_unknown: {
    status: 403,
    sentence: 'The policy in force doesn’t know this agent.',
    mend: 'Ask the policy’s owner to name the agent.',
  },
  agent_environment: {
    status: 403,
    sentence: 'The grant is for another environment than the policy gives this agent.',
    mend: 'Ask for a grant for the agent’s own environment.',
  },
  agent_identity: {
    status: 403,
    sentence: 'The policy doesn’t let this agent identify itself by a grant.',
    mend: 'Use the identity that the policy names for this agent.',
  },
  api_unknown: {
    status: 404,
    sentence: 'The policy has no API of this name.',
    mend: 'Use the base URL of one of the policy’s APIs.',
  },
  classifier_mismatch: {
    status: 503,
    sentence: 'Gate and keeper classify this API with different versions.',
    mend: 'Run gate and keeper from the same build.',
  },
  operation_missing: {
    status: 400,
    sentence: 'The request asks for no operation.',
    mend: 'Ask for an operation of the API.',
  },
  operations_too_many: {
    status: 413,
    sentence: 'The request asks for more than 128 operations at once.',
    mend: 'Split it into several requests.',
  },
  origin_unknown: {
    status: 403,
    sentence: 'The policy names no upstream for this request.',
    mend: 'Ask the policy’s owner to check the API’s upstream.',
  },
  mint_failed: {
    status: 503,
    sentence: 'No credential could be made for this request; nothing was sent.',
    mend: 'Tell the operator; the keeper’s log names the cause.',
  },
  approvals_full: {
    status: 403,
    sentence: 'Too many requests of this agent wait for approval already.',
    mend: 'Wait until some are answered or expire.',
  },
  approval_too_large: {
    status: 413,
    sentence: 'The request needs an approval and is too large to be shown to a person.',
    mend: 'Split it into smaller requests.',
  },
  no_policy: {
    status: 503,
    sentence: 'No policy is in force; nothing is admitted.',
    mend: 'Seal a policy for this audience, and reload.',
  },
  policy_unreadable: {
    status: null,
    sentence: 'The sealed policy, a catalog or the trust root can’t be read.',
    mend: 'Check the paths in the configuration and the files’ owner and mode.',
  },
  policy_withdrawn: {
    status: 503,
    sentence: 'The trust root has revoked the policy that was in force, or raised its lowest version.',
    mend: 'Seal a policy that the trust root admits.',
  },
  grant_order_malformed: {
    status: 400,
    sentence: 'The grant order is not an envelope of exactly the members that an order has.',
    mend: 'Make the order with `countersign grant issue` or `countersign exec`.',
  },
  grant_order_origin: {
    status: 403,
    sentence: 'The grant order is for another sidecar.',
    mend: 'Order for this sidecar’s origin.',
  },
  grant_order_time: {
    status: 403,
    sentence: 'The grant order was signed too long ago, or in the future.',
    mend: 'Sign a new order, and compare the clocks of both machines.',
  },
  grant_order_replayed: {
    status: 403,
    sentence: 'This grant order was fulfilled before.',
    mend: 'Sign a new order for each grant.',
  },
  grant_order_agent: {
    status: 403,
    sentence: 'The policy in force doesn’t give grants to this agent for this environment.',
    mend: 'Order for an agent and environment that the policy names with `identity: [{grant: true}]`.',
  },
  grant_unknown: {
    status: 404,
    sentence: 'No grant with this id is remembered.',
    mend: 'List the grants for their ids; one that has expired needs no revoking.',
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
