export { type AddressReach, addressReach, isPrivateAddress } from './address.js'
export { nativeCrypto, nativeSigningKey } from './crypto.js'
export { type DialOptions, guardedConnector, guardedSocket, type LookupAll } from './dial.js'
export { nativeErrors } from './error-table.js'
