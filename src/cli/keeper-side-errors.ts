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

/** The same for the keeper's own log, whose readers are the operators: what a stop asks of an agent is no word for them. */
export const keeperLogErrors: ErrorTable = {
  ...keeperSideErrors,
  agent_halted: { ...linkErrors.agent_halted, mend: '`countersign resume` ends it, once it may go on.' },
  frozen: { ...linkErrors.frozen, mend: '`countersign thaw` ends it.' },
}
