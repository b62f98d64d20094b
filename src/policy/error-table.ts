import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes of the policy room: refusals that an agent may see, and faults of what was to be loaded. Held against docs/errors.md by a test. */
export const policyErrors = {
  denied_by_rule: {
    status: 403,
    sentence: 'A rule of the policy denies this operation.',
    mend: 'Stop this step and ask the operator; another wording will be refused as well.',
  },
  no_matching_rule: {
    status: 403,
    sentence: 'No rule of the policy allows this operation; what is not allowed is denied.',
    mend: 'Ask the policy’s owner for a rule that names this operation.',
  },
  unknown_operation: {
    status: 403,
    sentence: 'The catalog doesn’t know this operation, or its payload could not be understood.',
    mend: 'Use a documented operation of the API, or ask the policy’s owner to name it.',
  },
  approval_required: {
    status: 403,
    sentence: 'A person has to approve this operation first.',
    mend: 'Wait for the approval, then repeat exactly the same call.',
  },
  over_limit: {
    status: 403,
    sentence: 'A limit of the policy is used up, or the amount is not known.',
    mend: 'Wait until the limit’s window has passed, or ask the operator.',
  },
  outside_grant: {
    status: 403,
    sentence: 'The grant’s own authorization details don’t cover this operation.',
    mend: 'Ask for a grant that covers it.',
  },
  policy_expired: {
    status: 403,
    sentence: 'The policy in force has expired; everything is denied.',
    mend: 'Seal a new version with a later `expires`.',
  },
  clock_behind: {
    status: 503,
    sentence: 'The clock is behind the newest ledger entry; everything is denied.',
    mend: 'Set the clock of the sidecar’s host right.',
  },
  compiled_policy_malformed: {
    status: null,
    sentence: 'The payload is not a compiled policy of a version that this build reads.',
    mend: 'Compile and seal the policy again with this version of the tool.',
  },
  catalog_missing: {
    status: null,
    sentence: 'A catalog that the policy pins by digest is not there, or has another digest.',
    mend: 'Keep the `catalogs` folder beside the sealed file, as `policy seal` wrote it.',
  },
  payload_type_wrong: {
    status: null,
    sentence: 'The envelope holds another kind of document.',
    mend: 'Pass the file that was sealed for this purpose.',
  },
  signatures_short: {
    status: null,
    sentence: 'Too few distinct keys of the role have signed.',
    mend: 'Have the missing holders sign: a policy with `countersign policy sign`, an enrolment with `trust enrol`, a trust root with `trust rotate`, a recovery with `ledger recover --sign`.',
  },
  signing_key_unknown: {
    status: null,
    sentence: 'A signature names a key that the trust root does not give this role.',
    mend: 'Seal again with keys of the role, or rotate the trust root to add the key.',
  },
  signing_key_revoked: {
    status: null,
    sentence: 'A signature is by a key that the trust root has revoked.',
    mend: 'Seal again without the revoked key.',
  },
  signature_invalid: {
    status: null,
    sentence: 'A signature does not fit the content.',
    mend: 'Re-create the file with the countersign tool; do not edit it.',
  },
  content_revoked: {
    status: null,
    sentence: 'The trust root has revoked this very content.',
    mend: 'Seal a new version.',
  },
  audience_wrong: {
    status: null,
    sentence: 'The policy is not for this deployment.',
    mend: 'Add the deployment to `metadata.audience` and seal again, or load the policy that is meant for it.',
  },
  expiry_missing: {
    status: null,
    sentence: 'The policy never expires; such a policy is not loaded.',
    mend: 'Give it `metadata.expires` and seal again.',
  },
  expiry_past: {
    status: null,
    sentence: 'The policy had expired before it was loaded.',
    mend: 'Seal a new version with a later `expires`.',
  },
  version_below_floor: {
    status: null,
    sentence: 'The policy’s version is below the trust root’s `minPolicyVersion`.',
    mend: 'Seal the policy with a higher `metadata.version`.',
  },
  version_below_highest: {
    status: null,
    sentence: 'A higher version of the policy was active already.',
    mend: 'Seal what you want back under a new, higher `metadata.version`.',
  },
  version_reused: {
    status: null,
    sentence: 'Another policy was active under the same version.',
    mend: 'Raise `metadata.version` and seal again.',
  },
  trust_root_malformed: {
    status: null,
    sentence: 'The trust root is not one that this build reads.',
    mend: 'Make trust roots with `countersign trust init` and `countersign trust rotate`.',
  },
  trust_root_chain: {
    status: null,
    sentence: 'The versions of the trust root do not follow from one another.',
    mend: 'Restore the file with every version, oldest first.',
  },
  trust_root_pin: {
    status: null,
    sentence: 'The pinned version is not in the trust root’s chain.',
    mend: 'Compare `trust.pin` with what `countersign trust show` prints, over a channel you trust.',
  },
  trust_root_behind: {
    status: null,
    sentence: 'The trust root is an older one than this sidecar has seen, or has another history.',
    mend: 'Restore the newest file. Where that one is wrong, pin the version that is right, which may not be an older one.',
  },
  enrolment_malformed: {
    status: null,
    sentence: 'The enrolment is not one that this build reads.',
    mend: 'Enrol the sidecar again.',
  },
  enrolment_not_current: {
    status: null,
    sentence: 'The enrolment is not valid yet, or no longer.',
    mend: 'Enrol the sidecar again, and check its clock.',
  },
  enrolled_key_revoked: {
    status: null,
    sentence: 'The trust root has revoked a key of this sidecar.',
    mend: 'Give the sidecar new keys and enrol it again.',
  },
  enrolment_request_malformed: {
    status: null,
    sentence: 'The enrolment request is not one that this build reads.',
    mend: 'Make it on the instance with `countersign trust request`.',
  },
  enrolment_request_unproven: {
    status: null,
    sentence:
      'The enrolment request is not signed by every key that it asks for, and by every key that it replaces.',
    mend: 'Make the request anew on the instance, which holds all of these keys.',
  },
  grant_order_malformed: {
    status: 400,
    sentence: 'The grant order is not one that this build reads.',
    mend: 'Order grants with `countersign grant issue`.',
  },
  grant_order_elsewhere: {
    status: 403,
    sentence: 'The grant order is for another sidecar.',
    mend: 'Order the grant for the origin of this sidecar.',
  },
  grant_order_stale: {
    status: 403,
    sentence: 'The grant order was signed more than a minute away from now.',
    mend: 'Sign a new order, and check both clocks.',
  },
  operate_order_malformed: {
    status: 400,
    sentence: 'The operate order is not one that this build reads.',
    mend: 'Give it with the command-line tool of the same version.',
  },
  operate_order_elsewhere: {
    status: 403,
    sentence: 'The operate order is for another sidecar.',
    mend: 'Order it for the origin of this sidecar.',
  },
  operate_order_stale: {
    status: 403,
    sentence:
      'The operate order was signed more than a minute away from now, or before the ledger was recovered.',
    mend: 'Sign a new order, and check both clocks.',
  },
  countersignature_malformed: {
    status: 400,
    sentence: 'The countersignature is not one that this build reads.',
    mend: 'Sign it with the command-line tool of the same version.',
  },
  countersignature_elsewhere: {
    status: 403,
    sentence: 'The countersignature is of another statement than the one that waits.',
    mend: 'Look at the approval once more, and sign what it shows.',
  },
  countersignature_stale: {
    status: 403,
    sentence: 'The countersignature was signed more than ten minutes away from now.',
    mend: 'Sign it again, and check both clocks.',
  },
  approver_unknown: {
    status: 403,
    sentence: 'The key is none of those that the policy lets approve this.',
    mend: 'Sign with a key of the groups that the approval names.',
  },
  approver_is_owner: {
    status: 403,
    sentence: 'The agent acts for this person, who can’t approve what it asks for.',
    mend: 'Have somebody else of the group look at it.',
  },
  passkey_malformed: {
    status: 400,
    sentence: 'What the passkey answered is not as WebAuthn has it.',
    mend: 'Approve it once more in the console, with a browser that is up to date.',
  },
  passkey_elsewhere: {
    status: 403,
    sentence: 'The passkey was asked by another page than the one that the policy names.',
    mend: 'Open the console at an origin that the policy names for this passkey, on its usual port.',
  },
  passkey_challenge: {
    status: 403,
    sentence: 'The passkey was touched for something else than what was sent.',
    mend: 'Look at the approval once more in the console, and touch the passkey for what it shows.',
  },
  passkey_unverified: {
    status: 403,
    sentence: 'The passkey did not ask who was there.',
    mend: 'Use an authenticator with a PIN, a fingerprint or the like; a touch by anybody is not enough.',
  },
  recovery_malformed: {
    status: null,
    sentence: 'The file is not a recovery statement that this build reads.',
    mend: 'Pass the file that `countersign ledger recover --prepare` wrote, signed or not.',
  },
  recovery_stale: {
    status: null,
    sentence: 'The recovery was prepared more than seven days ago, or in the future.',
    mend: 'Check the clock, prepare a new statement and have it signed.',
  },
  observe_too_long: {
    status: null,
    sentence: 'An agent of the policy would observe for more than 14 days.',
    mend: 'Set `until` to at most 14 days ahead, raise `metadata.version`, and seal again.',
  },
  upstream_plaintext: {
    status: null,
    sentence: 'The policy sends a production deployment’s requests over plain http.',
    mend: 'Use https upstreams, or load the policy for a test audience of the trust root.',
  },
  upstream_stand_in: {
    status: null,
    sentence: 'The policy names stand-ins for AWS or its STS, and this deployment is not a test audience.',
    mend: 'Leave out `insecureTestEndpoint` and `insecureTestEndpoints`, or load the policy for a test audience of the trust root.',
  },
} as const satisfies ErrorTable

export type PolicyErrorCode = keyof typeof policyErrors

export const policyFault = errorsOf(policyErrors)
