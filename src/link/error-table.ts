import { type ErrorTable, errorsOf } from '../canon/index.js'

const askForGrant = 'Ask your operator for a new grant; do not look for another credential.'

/** What the keeper can find wrong with the grant of a request. */
const grantRefusals = {
  grant_malformed: {
    status: 401,
    sentence: 'The credential is not a grant of this sidecar.',
    mend: askForGrant,
  },
  grant_signature: { status: 401, sentence: 'The grant was not issued by this sidecar.', mend: askForGrant },
  grant_audience: { status: 401, sentence: 'The grant is for another sidecar.', mend: askForGrant },
  grant_expired: { status: 401, sentence: 'The grant is not valid at this time.', mend: askForGrant },
  grant_slot: {
    status: 401,
    sentence: 'The grant was sent in a place that it is not for.',
    mend: 'Send it where `countersign env` puts it, or ask your operator for one for this place.',
  },
  grant_identity: {
    status: 403,
    sentence: 'The policy in force has no agent with the identity of this pod.',
    mend: 'Tell your operator: the policy names agents of pods by issuer and subject.',
  },
  grant_too_many: {
    status: 429,
    sentence: 'Too many tokens of one pod, or of one subject, are in use.',
    mend: 'Use the token that the pod has, until it is renewed.',
  },
  grant_revoked: { status: 401, sentence: 'The grant was revoked.', mend: askForGrant },
  grant_unverifiable: {
    status: 503,
    sentence: 'The keeper could not tell whether the grant is revoked.',
    mend: 'Repeat the request later; if it persists, tell your operator.',
  },
} as const satisfies ErrorTable

export type GrantRefusal = keyof typeof grantRefusals

const signAnew =
  'Let the SDK sign the request with all three values of this grant, as `countersign env` gives them.'

/** What the keeper can find wrong with the AWS signature of a request. 403, as at AWS: SDKs don't repeat it. */
const signatureRefusals = {
  signature_missing: {
    status: 403,
    sentence: 'The grant for AWS came without a signature.',
    mend: signAnew,
  },
  signature_stray: {
    status: 403,
    sentence: 'The request is signed, but its grant is not one for AWS.',
    mend: signAnew,
  },
  signature_access_key: {
    status: 403,
    sentence: 'The access key id and the session token are not of the same grant.',
    mend: signAnew,
  },
  signature_expired: {
    status: 403,
    sentence:
      'The signature is not good at this time: more than 15 minutes off, or a presigned URL past its end.',
    mend: 'Compare the clock with the sidecar’s (the Date of this answer), and let the SDK sign anew.',
  },
  signature_scope: {
    status: 403,
    sentence: 'The request is signed for another region than its operation is in.',
    mend: 'Set the client’s region to that of the resource.',
  },
  signature_unsigned_header: {
    status: 403,
    sentence: 'The host or an x-amz- header of the request is not signed.',
    mend: 'Add headers before the request is signed, not behind it.',
  },
  signature_target: {
    status: 403,
    sentence: 'The path and query that were signed are not those of the request.',
    mend: 'Use the endpoint URL as `countersign env` gives it, and let nothing rewrite paths behind the SDK.',
  },
  signature_payload: {
    status: 403,
    sentence:
      'The payload hash that was signed is not that of the body, or of a kind that this service doesn’t take.',
    mend: 'Let the SDK hash the body as it is sent.',
  },
  signature_body_unsigned: {
    status: 403,
    sentence: 'Only s3:PutObject and s3:UploadPart may stream a body without its hash.',
    mend: 'Let the SDK sign the payload of this operation.',
  },
  signature_mismatch: {
    status: 403,
    sentence:
      'The signature was not made with the secret of this grant, or the request was changed after it.',
    mend: signAnew,
  },
  signature_reused: {
    status: 403,
    sentence: 'A request with this very signature was admitted before; what isn’t a read passes once.',
    mend: 'If it is meant to happen twice, let the SDK sign it anew.',
  },
  signatures_full: {
    status: 503,
    sentence: 'Too many signatures of the last minutes are remembered already; only reads pass.',
    mend: 'Repeat the request in a few minutes, with fewer at once.',
  },
} as const satisfies ErrorTable

/** Codes of the connection between gate and keeper, and those that only the keeper reaches and the gate has to word. Held against docs/errors.md by a test. */
export const linkErrors = {
  ...grantRefusals,
  ...signatureRefusals,
  frame_malformed: {
    status: 503,
    sentence: 'A frame on the keeper’s socket was malformed; the connection is closed.',
    mend: 'Run gate and keeper from the same build, and let nothing else connect to the socket.',
  },
  frame_too_large: {
    status: 413,
    sentence: 'A message for the keeper’s socket is larger than its type allows.',
    mend: 'Send a smaller request; the whole of what is decided must fit the bound.',
  },
  frame_stalled: {
    status: 503,
    sentence: 'A frame on the keeper’s socket was not completed in time; the connection is closed.',
    mend: 'Let nothing but the gate connect to the socket.',
  },
  hello_expected: {
    status: 503,
    sentence: 'A connection to the keeper’s socket did not begin with a hello.',
    mend: 'Let nothing but the gate connect to the socket.',
  },
  link_busy: {
    status: 503,
    sentence: 'Too many requests wait for the keeper.',
    mend: 'Repeat the request later, with fewer at once.',
  },
  keeper_gone: {
    status: 503,
    sentence: 'The keeper is not reachable; nothing is forwarded without it.',
    mend: 'Start the keeper, or look at its log for why it stopped.',
  },
  keeper_slow: {
    status: 503,
    sentence: 'The keeper did not answer in time; nothing was forwarded.',
    mend: 'Look at the keeper’s log and at the disk of its ledger.',
  },
  keeper_fault: {
    status: 503,
    sentence: 'The keeper could not decide this request; nothing was forwarded.',
    mend: 'Look at the keeper’s log for the code.',
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
  arguments_too_complex: {
    status: 413,
    sentence: 'The arguments of the request are too many, nested too deep, or have names that are too long.',
    mend: 'Send no more than some 50,000 values in one body, nest them at most 64 levels deep, and write names of at most 65,536 characters.',
  },
  operations_too_many: {
    status: 413,
    sentence: 'The request asks for more than 128 operations at once.',
    mend: 'Split it into several requests.',
  },
  approvals_full: {
    status: 403,
    sentence: 'Too many requests of this agent wait for approval already.',
    mend: 'Wait until some are answered or expire.',
  },
  approval_arguments_full: {
    status: 403,
    sentence: 'What waits for approval already has as many bytes of arguments as may wait.',
    mend: 'Wait until some are answered or expire, or ask with smaller arguments.',
  },
  agent_halted: {
    status: 403,
    sentence: 'A person has halted this agent or its task; nothing passes until they let it go on.',
    mend: 'Stop all work now, and report to your operator what was done and what was left open.',
  },
  frozen: {
    status: 403,
    sentence: 'Changes are frozen for now; only plain reads pass.',
    mend: 'Do not try another way: report to your operator, and go on when they say that it is over.',
  },
  approval_rejected: {
    status: 403,
    sentence: 'A person was asked about exactly this call, and has refused it.',
    mend: 'Do not ask again: tell your operator what you were trying to do, and do something else.',
  },
  probe_unanswered: {
    status: 503,
    sentence: 'It was approved on what the API said about it, and the API can’t be asked again now.',
    mend: 'Repeat exactly the same call in a minute; the approval stands until it expires.',
  },
  approval_too_large: {
    status: 413,
    sentence: 'The request needs an approval and is too large to be shown to a person.',
    mend: 'Split it into smaller requests.',
  },
  credential_unavailable: {
    status: 503,
    sentence: 'No credential could be made for this request; nothing was sent.',
    mend: 'Tell the operator; the keeper’s log names the cause.',
  },
  evidence_unwitnessed: {
    status: 503,
    sentence: 'Witnesses are further behind than the policy allows; nothing is admitted until they catch up.',
    mend: 'Repeat the request later; if it persists, tell your operator. It is not about this request.',
  },
  evidence_unshipped: {
    status: 503,
    sentence: 'Receipts leave the host later than the policy allows; nothing is admitted until they do.',
    mend: 'Repeat the request later; if it persists, tell your operator. It is not about this request.',
  },
  keeper_stopping: {
    status: 503,
    sentence: 'The keeper is stopping and admits nothing more.',
    mend: 'Repeat the request after the restart.',
  },
} as const satisfies ErrorTable

export const linkFault = errorsOf(linkErrors)
