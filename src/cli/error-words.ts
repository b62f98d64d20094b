import { canonErrors, type ErrorEntry } from '../canon/index.js'
import { credentialErrors } from '../credential/index.js'
import { gateErrors } from '../gate/index.js'
import { keeperErrors } from '../keeper/index.js'
import { ledgerErrors } from '../ledger/index.js'
import { linkErrors } from '../link/index.js'
import { nativeErrors } from '../native/index.js'
import { policyErrors } from '../policy/index.js'
import { protocolErrors } from '../protocol/index.js'
import { receiptErrors } from '../receipt/index.js'
import { cliErrors } from './error-table.js'

const ALL: Readonly<Record<string, ErrorEntry>> = {
  ...canonErrors,
  ...nativeErrors,
  ...receiptErrors,
  ...ledgerErrors,
  ...protocolErrors,
  ...policyErrors,
  ...linkErrors,
  ...credentialErrors,
  ...gateErrors,
  ...keeperErrors,
  ...cliErrors,
}

/** What a stable code means, and what mends it; null for a code that this build doesn't know. */
export function wordsOf(code: string): { readonly sentence: string; readonly mend: string } | null {
  return Object.hasOwn(ALL, code) ? (ALL[code] as ErrorEntry) : null
}
