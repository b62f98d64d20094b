import { randomBytes, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from 'jose'
import type { NewVaultEntry } from '../credential/index.js'
import type { AwsAccess, RestrictedKey } from '../sandbox/index.js'

export const SANDBOX_BILLING_AUDIENCE = 'https://billing.internal'

/** What the stand-in clouds accept; the vault holds the other end of each. Lies in `sandbox/secrets.json`, mode 0600. */
export interface SandboxSecrets {
  readonly railwayToken: string
  /** Absent in a folder that was made before. */
  readonly railwayViewer?: string
  readonly stripeKeys: readonly RestrictedKey[]
  readonly billingJwks: JSONWebKeySet
  /** The long-term key that the AWS account trusts. */
  readonly aws: AwsAccess
}

export interface SandboxOrigins {
  readonly railway: string
  readonly stripe: string
  readonly billing: string
  readonly aws: string
}

/** Fresh credentials for a sandbox: what the clouds accept, and the vault entries that use them. */
export async function createSandboxSecrets(origins: SandboxOrigins): Promise<{
  readonly clouds: SandboxSecrets
  readonly vault: readonly NewVaultEntry[]
}> {
  const railwayToken = randomUUID()
  const railwayViewer = randomUUID()
  const readKey = `rk_test_${randomBytes(24).toString('hex')}`
  const writeKey = `rk_test_${randomBytes(24).toString('hex')}`
  const { privateKey, publicKey } = await generateKeyPair('Ed25519', { extractable: true })
  const privateJwk = await exportJWK(privateKey)
  const publicJwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const aws = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  }
  const environment = 'staging'
  return {
    clouds: {
      aws,
      railwayToken,
      railwayViewer,
      stripeKeys: [
        { secret: readKey, permissions: { customers: 'read', subscriptions: 'read', charges: 'read' } },
        { secret: writeKey, permissions: { customers: 'write', charges: 'write' } },
      ],
      billingJwks: { keys: [{ ...publicJwk, kid, alg: 'Ed25519', use: 'sig' }] },
    },
    vault: [
      {
        name: 'railway-staging',
        kind: 'railway-project-token',
        material: { token: railwayToken, sentAs: 'bearer' },
        origins: [origins.railway],
        environment,
      },
      {
        name: 'railway-viewer',
        kind: 'static',
        material: { secret: railwayViewer },
        origins: [origins.railway],
        environment,
      },
      {
        name: 'stripe-test',
        kind: 'stripe-restricted-key',
        material: {
          keys: [
            {
              key: readKey,
              covers: { permissions: ['customers:read', 'subscriptions:read', 'charges:read'] },
            },
            { key: writeKey, covers: { permissions: ['customers:write', 'charges:write', 'refunds:write'] } },
          ],
        },
        origins: [origins.stripe],
        environment,
      },
      {
        name: 'aws-staging',
        kind: 'aws-sts',
        material: aws,
        origins: [origins.aws],
        environment,
      },
      {
        name: 'billing',
        kind: 'jwt',
        material: { jwk: privateJwk as JWK },
        origins: [origins.billing],
        environment,
      },
    ],
  }
}
