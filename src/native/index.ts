export { type AddressReach, addressReach, isPrivateAddress } from './address.js'
export { nativeCrypto, nativeSigningKey } from './crypto.js'
export { type DialOptions, guardedConnector, type LookupAll, mayDial } from './dial.js'
export { nativeErrors, nativeFault } from './error-table.js'
