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
  signature_missing: {
    status: null,
    sentence: 'The envelope carries no signature.',
    mend: 'Have it signed by the keys that the trust root names.',
  },
  signature_key_unknown: {
    status: null,
    sentence: 'A signature is by a key that the trust root does not know.',
    mend: 'Sign with a key of the trust root, or rotate the trust root to add the key.',
  },
  signature_key_revoked: {
    status: null,
    sentence: 'A signature is by a key that the trust root has revoked.',
    mend: 'Sign again with a key that is in force.',
  },
  signature_role: {
    status: null,
    sentence: 'A signature is by a key that does not hold the role it takes.',
    mend: 'Sign with a key that holds the role.',
  },
  signature_invalid: {
    status: null,
    sentence: 'A signature does not fit the payload.',
    mend: 'The file was changed after signing, or signed for another payload; sign the original again.',
  },
  signature_threshold: {
    status: null,
    sentence: 'Fewer distinct keys have signed than the trust root asks for.',
    mend: 'Have the missing signers run `countersign policy sign`; `policy show` names them.',
  },
  payload_type: {
    status: null,
    sentence: 'The envelope holds a payload of another type.',
    mend: 'Pass the file that belongs here.',
  },
  trust_malformed: {
    status: null,
    sentence: 'The trust root is not well-formed.',
    mend: 'Make it with `countersign trust init` or `trust rotate`.',
  },
  trust_pin: {
    status: null,
    sentence: 'The trust root that the configuration pins is not in the file.',
    mend: 'Restore the trust root file, or pin the right version deliberately.',
  },
  trust_chain: {
    status: null,
    sentence: 'A version of the trust root does not follow the one before.',
    mend: 'Restore the file with every version since the pinned one.',
  },
  policy_audience: {
    status: null,
    sentence: 'The policy is not for this deployment.',
    mend: 'Load a policy whose `audience` lists the audience of the configuration.',
  },
  policy_no_expiry: {
    status: null,
    sentence: 'The policy has no expiry.',
    mend: 'Add `metadata.expires` and seal it again.',
  },
  policy_past_expiry: {
    status: null,
    sentence: 'The policy’s expiry has passed.',
    mend: 'Seal a new version with a later `expires`.',
  },
  policy_rollback: {
    status: null,
    sentence: 'The policy’s version is below the highest that was ever activated.',
    mend: 'Raise `metadata.version` and seal again; an older policy is never loaded.',
  },
  policy_version_reused: {
    status: null,
    sentence: 'Another policy with the same version was activated before.',
    mend: 'Raise `metadata.version` and seal again.',
  },
  policy_below_floor: {
    status: null,
    sentence: 'The policy’s version is below the floor of the trust root.',
    mend: 'Seal a version at or above `minPolicyVersion`.',
  },
  policy_id_revoked: {
    status: null,
    sentence: 'The trust root has revoked this policy.',
    mend: 'Seal a new version.',
  },
  enrolment_malformed: {
    status: null,
    sentence: 'The enrolment is not well-formed.',
    mend: 'Enrol the instance again.',
  },
  enrolment_time: {
    status: null,
    sentence: 'The enrolment is not valid at this time.',
    mend: 'Enrol the instance again.',
  },
  enrolment_revoked: {
    status: null,
    sentence: 'The trust root has revoked this enrolment or one of its keys.',
    mend: 'Enrol the instance again with new keys.',
  },
  order_malformed: {
    status: null,
    sentence: 'The grant order is not well-formed.',
    mend: 'Order the grant with this version of the tool.',
  },
} as const satisfies ErrorTable

export const policyFault = errorsOf(policyErrors)
