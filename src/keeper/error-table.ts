import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes of the keeper; held against docs/errors.md by a test. */
export const keeperErrors = {
  socket_in_use: {
    status: null,
    sentence: 'Another keeper answers on this socket.',
    mend: 'Stop it first, or give this keeper another `keeper.socket` and another ledger.',
  },
  socket_blocked: {
    status: null,
    sentence: 'The path of the socket is taken by something that is not a socket.',
    mend: 'Remove it, or name another path in the configuration.',
  },
} as const satisfies ErrorTable

export const keeperFault = errorsOf(keeperErrors)
