export { nativeCrypto, nativeSigningKey } from './crypto.js'
