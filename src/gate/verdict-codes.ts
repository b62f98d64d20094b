import { canonErrors, type ErrorEntry } from '../canon/index.js'
import { linkErrors } from '../link/index.js'
import { nativeErrors } from '../native/index.js'
import { policyErrors } from '../policy/index.js'
import { protocolErrors } from '../protocol/index.js'
import { gateErrors } from './error-table.js'

const KNOWN: Readonly<Record<string, ErrorEntry>> = {
  ...canonErrors,
  ...protocolErrors,
  ...policyErrors,
  ...linkErrors,
  ...nativeErrors,
  ...gateErrors,
}

/** What a code of the sealed policy's decisions says in a sentence about an operation. */
export const DECISION_PHRASES: Readonly<Record<string, string>> = {
  denied_by_rule: 'is never allowed',
  no_matching_rule: 'is not allowed by any rule',
  unknown_operation: 'is not an operation that is understood, and is therefore not allowed,',
  over_limit: 'is over a limit',
  outside_grant: 'is outside the grant',
  policy_expired: 'is denied, because the policy has expired,',
  clock_behind: 'is denied, because the sidecar’s clock is wrong,',
}

const UNKNOWN_DENIAL: ErrorEntry = {
  status: 403,
  sentence: 'The request was refused.',
  mend: 'Stop this step and tell your operator the code and the receipt.',
}

/** Status, sentence and mend of a code; a denial without further words for a code that this build doesn't know. */
export function entryOf(code: string): ErrorEntry {
  return Object.hasOwn(KNOWN, code) ? (KNOWN[code] as ErrorEntry) : UNKNOWN_DENIAL
}
