import { canonErrors, type ErrorTable } from '../canon/index.js'
import { credentialErrors } from '../credential/index.js'
import { keeperErrors } from '../keeper/index.js'
import { ledgerErrors } from '../ledger/index.js'
import { linkErrors } from '../link/index.js'
import { nativeErrors } from '../native/index.js'
import { policyErrors } from '../policy/index.js'
import { protocolErrors } from '../protocol/index.js'
import { receiptErrors } from '../receipt/index.js'
import { cliErrors } from './error-table.js'

/** Every code that the keeper's process may name: of all rooms but the gate, which it doesn't load. */
export const keeperSideErrors: ErrorTable = {
  ...canonErrors,
  ...nativeErrors,
  ...receiptErrors,
  ...ledgerErrors,
  ...protocolErrors,
  ...policyErrors,
  ...linkErrors,
  ...credentialErrors,
  ...keeperErrors,
  ...cliErrors,
}
