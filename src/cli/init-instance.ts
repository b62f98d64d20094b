import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { encodeEnvelope } from '../canon/index.js'
import { createVault, type NewVaultEntry, newVaultKeyText, readVaultKey } from '../credential/index.js'
import { makeFolderSync, nativeCrypto } from '../native/index.js'
import {
  sealEnrolment,
  sealTrustRoot,
  TRUST_ROLES,
  type TrustRole,
  type TrustRoot,
  trustRootId,
} from '../policy/index.js'
import { createKeyFile, readSigningKey } from './keyfile.js'
import { writeTrustChain } from './trust-files.js'

const DAY_MS = 86_400_000
const ENROLMENT_DAYS = 365

/**
 * Makes one key per role under `trust/keys` and a trust root of version 1 signed with them. Answers the content id
 * to pin. For a sandbox all stay here; for production they are to be moved to their holders.
 */
export function createTrust(folder: string, testAudiences: readonly string[]): string {
  const keys = Object.fromEntries(TRUST_ROLES.map(role => [role, createKeyFile(roleKeyFile(folder, role))]))
  const roles = Object.fromEntries(
    TRUST_ROLES.map(role => [role, { keys: [role], threshold: 1 }]),
  ) as unknown as TrustRoot['roles']
  const root: TrustRoot = {
    v: 1,
    version: 1,
    previous: null,
    keys,
    roles,
    revoked: { keys: [], ids: [] },
    minPolicyVersion: 0,
    testAudiences,
  }
  writeTrustChain(join(folder, 'trust', 'root.json'), [
    sealTrustRoot(root, [readSigningKey(roleKeyFile(folder, 'root'))]),
  ])
  return trustRootId(root, nativeCrypto)
}

export function roleKeyFile(folder: string, role: TrustRole): string {
  return join(folder, 'trust', 'keys', `${role}.jwk`)
}

/** Makes an instance's three keys and certifies them for its origin with the enrol key. */
export function enrolInstance(folder: string, origin: string, nowMs: number): void {
  const keyFile = (name: string) => join(folder, 'keeper', 'keys', `${name}.jwk`)
  const envelope = sealEnrolment(
    {
      v: 1,
      origin,
      keys: {
        receipt: createKeyFile(keyFile('receipt')),
        checkpoint: createKeyFile(keyFile('checkpoint')),
        grant: createKeyFile(keyFile('grant')),
      },
      notBefore: new Date(nowMs - DAY_MS).toISOString(),
      notAfter: new Date(nowMs + ENROLMENT_DAYS * DAY_MS).toISOString(),
    },
    [readSigningKey(roleKeyFile(folder, 'enrol'))],
  )
  writeFileSync(join(folder, 'keeper', 'enrolment.json'), encodeEnvelope(envelope))
}

/** Makes a vault under a new random key in a file beside it. */
export async function createInstanceVault(folder: string, entries: readonly NewVaultEntry[]): Promise<void> {
  const keyFile = join(folder, 'keeper', 'vault.key')
  writeFileSync(keyFile, newVaultKeyText(), { mode: 0o600 })
  const location = {
    file: join(folder, 'keeper', 'vault.jwe'),
    key: () => readVaultKey({ file: keyFile }, {}),
  }
  await createVault(location, entries)
}

/** Makes the auditor's key pair: the keeper encrypts decision inputs to the public half and never sees the other. */
export async function createAuditor(folder: string): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  makeFolderSync(join(folder, 'auditor'), 0o700)
  writeFileSync(join(folder, 'auditor', 'public.jwk'), `${JSON.stringify(await exportJWK(publicKey))}\n`)
  writeFileSync(join(folder, 'auditor', 'private.jwk'), `${JSON.stringify(await exportJWK(privateKey))}\n`, {
    mode: 0o600,
  })
}
