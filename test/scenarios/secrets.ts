import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { packageRoot } from '../../src/cli/catalogs.js'
import { callAws } from '../../src/cli/demo/aws-agent.js'
import type { IssuedGrant } from '../../src/cli/grant-session.js'
import { freeAddresses } from '../../src/cli/sandbox-addresses.js'
import type { SandboxSecrets } from '../../src/cli/sandbox-secrets.js'
import { vaultLocation } from '../../src/cli/vault-location.js'
import { openVault } from '../../src/credential/index.js'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { keyNeedlesOf, type Needle, needlesOf } from './process-memory.js'
import type { Sidecar } from './supervised-sidecar.js'

export async function cloudAddresses() {
  const { gate: _gate, stripePort: _port, ...clouds } = await freeAddresses()
  return clouds
}

export function samplePolicy(): string {
  return readFileSync(`${packageRoot()}/config/policies/sandbox.yaml`, 'utf8')
}

/** Everything that the sidecar keeps secret, but what it handed out for the requests above: see SECURITY.md. */
export async function secretsOf(sidecar: Sidecar): Promise<Needle[]> {
  const { loaded } = sidecar
  const file = (name: string) => readFileSync(loaded.path(name), 'utf8').trim()
  const clouds = JSON.parse(file('sandbox/secrets.json')) as SandboxSecrets
  const lent = clouds.stripeKeys.find(({ permissions }) => permissions.subscriptions === 'read')?.secret
  const keys = ['keeper/keys/receipt', 'keeper/keys/checkpoint', 'keeper/keys/grant']
  const roles = ['root', 'policy', 'enrol', 'operate', 'recover'].map(role => `trust/keys/${role}`)
  const vault = await openVault(vaultLocation(loaded, {}))
  const inVault = vault
    .entries()
    .flatMap(entry => textsIn(entry.material.reveal()).map(text => [entry.name, text] as const))
    .filter(([, text]) => text !== lent)
  assert.equal(
    new Set(inVault.map(([name]) => name)).size,
    5,
    'the vault has entries for all four clouds, and one to ask with',
  )
  return [
    ...[...keys, ...roles].flatMap(name => keyNeedlesOf(name, JSON.parse(file(`${name}.jwk`)).d as string)),
    ...keyNeedlesOf('vault key', file('keeper/vault.key')),
    ...keyNeedlesOf('auditor key', JSON.parse(file('auditor/private.jwk')).d as string),
    ...needlesOf('railway account token', clouds.railwayToken),
    ...inVault.flatMap(([name, text]) => needlesOf(`vault entry ${name}`, text)),
  ]
}

/** Every secret text in an entry's material: the values of its members, public ones and labels apart. */
function textsIn(material: unknown): string[] {
  const { jwk, keys, token, secret, secretAccessKey } = material as {
    jwk?: { d: string }
    secretAccessKey?: string
    keys?: readonly { key: string }[]
    token?: string
    secret?: string
  }
  const texts = [jwk?.d, token, secret, secretAccessKey, ...(keys ?? []).map(({ key }) => key)].filter(
    text => text !== undefined,
  )
  assert.ok(texts.length > 0, 'an entry without a secret')
  return texts
}

/** So that every minter has minted, and the gate has carried what came out. Resolves with what each answer says, headers and body. */
export async function useEveryApi(sidecar: Sidecar, signer: IssuedGrant): Promise<string[]> {
  const headers = {
    authorization: `Bearer ${await sidecar.grant()}`,
    'content-type': 'application/json',
  }
  const query = `{ project(id: "${RAILWAY_IDS.project}") { name } }`
  const answers = await Promise.all([
    fetch(`${sidecar.url}/railway/graphql/v2`, { method: 'POST', headers, body: JSON.stringify({ query }) }),
    fetch(`${sidecar.url}/stripe/v1/customers`, { headers: { authorization: headers.authorization } }),
    fetch(`${sidecar.url}/billing/invoices`, { headers: { authorization: headers.authorization } }),
  ])
  const said: string[] = []
  for (const answer of answers) {
    const text = await answer.text()
    assert.equal(answer.status, 200, `${answer.url} ${text}`)
    said.push(answerText(answer.headers, text))
  }
  const keys = {
    accessKeyId: signer.jti,
    secretAccessKey: signer.secret ?? '',
    sessionToken: signer.token,
  }
  const form = { Action: 'DescribeInstances', Version: '2016-11-15' }
  const described = await callAws(
    { aws: `${sidecar.url}/aws`, region: 'eu-west-1', keys },
    { service: 'ec2', form },
  )
  assert.equal(described.status, 200, described.words)
  return [...said, answerText(described.headers, String(described.body))]
}

/** An answer as one text: a line for each header, and the body. */
export function answerText(headers: Headers, body: string): string {
  return [...[...headers].map(([name, value]) => `${name}: ${value}`), body].join('\n')
}
