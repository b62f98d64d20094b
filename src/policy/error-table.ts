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
} as const satisfies ErrorTable

export const policyFault = errorsOf(policyErrors)
