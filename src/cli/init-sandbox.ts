import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { sealPolicy } from '../policy/index.js'
import { packageRoot } from './catalogs.js'
import type { Config } from './config-schema.js'
import { ignoreByGit } from './ignored-folder.js'
import {
  createAuditor,
  createInstanceVault,
  createTrust,
  enrolInstance,
  roleKeyFile,
} from './init-instance.js'
import { readSigningKey } from './keyfile.js'
import { compilePolicyFile } from './policy-file.js'
import { createSandboxSecrets } from './sandbox-secrets.js'
import { CONFIG_SCHEMA_LINE, copySchemas } from './schema-files.js'
import { writeSealedPolicy } from './sealed-policy.js'

/** `host:port` of everything that a sandbox sidecar listens on; the clouds' are sealed into its policy. */
export interface SandboxAddresses {
  readonly gate: string
  readonly stripePort: string
  readonly railway: string
  readonly stripe: string
  readonly billing: string
  readonly aws: string
}

/** As they stand in config/policies/sandbox.yaml. */
export const SANDBOX_ADDRESSES: SandboxAddresses = {
  gate: '127.0.0.1:7070',
  stripePort: '127.0.0.1:7071',
  railway: '127.0.0.1:7181',
  stripe: '127.0.0.1:7182',
  billing: '127.0.0.1:7183',
  aws: '127.0.0.1:7184',
}

const ORIGIN = 'localhost/countersign/sandbox'
const AUDIENCE = 'sandbox'

export interface SandboxChoices {
  readonly addresses?: SandboxAddresses
  /** YAML of the policy to seal instead of config/policies/sandbox.yaml. */
  readonly policy?: string
  /** False where something else listens on the clouds' addresses. */
  readonly clouds?: boolean
}

/** Makes the whole state of a sandbox sidecar in an empty folder: keys, trust root, sealed policy, vault, configuration. */
export async function initSandbox(folder: string, choices: SandboxChoices = {}): Promise<void> {
  const addresses = choices.addresses ?? SANDBOX_ADDRESSES
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  ignoreByGit(folder)
  const pin = createTrust(folder, [AUDIENCE])
  enrolInstance(folder, ORIGIN, Date.now())
  await createAuditor(folder)
  const { clouds, vault } = await createSandboxSecrets({
    railway: `http://${addresses.railway}`,
    stripe: `http://${addresses.stripe}`,
    billing: `http://${addresses.billing}`,
    aws: `http://${addresses.aws}`,
  })
  await createInstanceVault(folder, vault)
  mkdirSync(join(folder, 'sandbox'), { mode: 0o700 })
  writeFileSync(join(folder, 'sandbox', 'secrets.json'), JSON.stringify(clouds), { mode: 0o600 })
  sealSandboxPolicy(folder, withAddresses(choices.policy ?? samplePolicy(), addresses))
  copySchemas(folder)
  writeFileSync(
    join(folder, 'countersign.yaml'),
    `${CONFIG_SCHEMA_LINE}\n${stringify(configurationOf(addresses, pin, choices.clouds ?? true))}`,
  )
}

function samplePolicy(): string {
  return readFileSync(join(packageRoot(), 'config', 'policies', 'sandbox.yaml'), 'utf8')
}

function withAddresses(policy: string, addresses: SandboxAddresses): string {
  return (['railway', 'stripe', 'billing', 'aws'] as const).reduce(
    (text, cloud) => text.replaceAll(SANDBOX_ADDRESSES[cloud], addresses[cloud]),
    policy,
  )
}

function sealSandboxPolicy(folder: string, source: string): void {
  mkdirSync(join(folder, 'policy'), { recursive: true })
  const file = join(folder, 'policy', 'policy.yaml')
  writeFileSync(file, source)
  const { payload, catalogs } = compilePolicyFile(file)
  const envelope = sealPolicy(payload, [readSigningKey(roleKeyFile(folder, 'policy'))])
  writeSealedPolicy(join(folder, 'policy', 'policy.sealed.json'), envelope, catalogs)
}

function configurationOf(addresses: SandboxAddresses, pin: string, clouds: boolean): Config {
  const { railway, stripe, billing, aws } = addresses
  return {
    apiVersion: 'countersign.dev/v1',
    kind: 'Sidecar',
    origin: ORIGIN,
    audience: AUDIENCE,
    trust: { root: 'trust/root.json', pin },
    policy: { file: 'policy/policy.sealed.json' },
    gate: { listen: addresses.gate, ports: { stripe: addresses.stripePort } },
    keeper: {
      socket: 'run/keeper.sock',
      admin: 'run/admin.sock',
      keys: 'keeper/keys',
      enrolment: 'keeper/enrolment.json',
    },
    ledger: { dir: 'ledger', highWater: 'mark/high-water.json', auditorKey: 'auditor/public.jwk' },
    vault: { file: 'keeper/vault.jwe', key: { file: 'keeper/vault.key' } },
    ...(clouds ? { sandbox: { railway, stripe, billing, aws } } : {}),
  }
}
