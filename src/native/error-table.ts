import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes thrown by the native room; held against docs/errors.md by a test. */
export const nativeErrors = {
  address_refused: {
    status: 502,
    sentence: 'The upstream resolves to an address that this sidecar does not dial.',
    mend: 'Name the private upstream in the sealed policy if it is meant; otherwise look for a rebinding DNS answer.',
  },
} as const satisfies ErrorTable

export const nativeFault = errorsOf(nativeErrors)
