export { awsGrantKeys, awsGrantMaterial } from './aws-grant-keys.js'
export { type AwsCredentials, awsSigner } from './aws-signature.js'
export { type BrokerOptions, credentialBroker } from './broker.js'
export { credentialErrors, credentialFault } from './error-table.js'
export { grantIssuer } from './grant-issuer.js'
export { type GrantVerifierOptions, grantVerifier } from './grant-verifier.js'
export { issuerKeys, type KeySetSource } from './issuer-keys.js'
export type { Schedule } from './lifetime.js'
export { checkMaterial, type Material, type ShipKind, VAULT_KINDS, type VaultKind } from './material.js'
export { publicJwks } from './minter-jwt.js'
export { type MinterTable, standardMinters } from './minters.js'
export { type Outbound, type OutboundAnswer, type OutboundOptions, outbound } from './outbound.js'
export {
  type IdentityIssuer,
  type IdentityVerifier,
  identityVerifier,
  type PodIdentity,
  uuidOf,
} from './pod-identity.js'
export type {
  AwsGrantKeys,
  CredentialBroker,
  Grant,
  GrantIssuer,
  GrantOrder,
  GrantVerdict,
  GrantVerifier,
  MintedCredential,
  Minter,
  MinterKind,
  MintOrder,
  MintRecord,
  MintScope,
  OutboundRequest,
  ReapOrder,
  RecordedCredential,
} from './ports.js'
export { Secret } from './secret.js'
export { tokenReviewer } from './token-review.js'
export { type UnservedUse, unservedUses } from './unserved.js'
export { entryFor, openVault, type Vault, type VaultChange, type VaultLocation } from './vault.js'
export type { VaultEntry } from './vault-contents.js'
export {
  addVaultKey,
  createVault,
  keepOnlyVaultKey,
  type NewVaultEntry,
  putEntry,
  removeEntry,
} from './vault-edit.js'
export {
  newVaultKeyText,
  readVaultKey,
  replaceVaultKeyFile,
  type VaultKey,
  type VaultKeySource,
  vaultKey,
} from './vault-key.js'
