export type {
  CredentialBroker,
  Grant,
  GrantIssuer,
  GrantOrder,
  GrantVerdict,
  GrantVerifier,
  MintedCredential,
  Minter,
  MintScope,
} from './ports.js'
