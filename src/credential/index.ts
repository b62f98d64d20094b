export { credentialErrors, credentialFault } from './error-table.js'
export { GRANT_ALG, GRANT_TYP, MAX_GRANT_TTL_SECONDS } from './grant-claims.js'
export { grantIssuer } from './grant-issuer.js'
export { type GrantVerifierOptions, grantVerifier } from './grant-verifier.js'
export { type Material, VAULT_KINDS, type VaultKind } from './material.js'
export type {
  CredentialBroker,
  Grant,
  GrantIssuer,
  GrantOrder,
  GrantRefusal,
  GrantVerdict,
  GrantVerifier,
  MintedCredential,
  Minter,
  MinterKind,
  MintOrder,
  MintRecord,
  MintScope,
  ReapOrder,
  RecordedCredential,
} from './ports.js'
