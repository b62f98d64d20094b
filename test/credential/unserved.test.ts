import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { unservedUses, type Vault, type VaultEntry } from '../../src/credential/index.js'
import { openedPolicy } from '../keeper/keeper-fixture.js'

const SHOP = 'https://shop.acme.test'

function policyWith(
  rules: string,
  agents = '  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }',
) {
  return openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  shop: { upstream: ${SHOP}, credential: shop, routes: [{ route: "GET /orders", class: read }] }
  news: { upstream: https://news.acme.test, routes: [{ route: "GET /news", class: read }] }
credentials:
  shop: { minter: jwt, audience: ${SHOP} }
agents:
${agents}
rules:
${rules}
`).policy
}

const LOOK = '  - { id: look, allow: { api: "*", class: [read] }, to: [coder] }'

function vaultOf(...entries: readonly Partial<VaultEntry>[]): Pick<Vault, 'entry' | 'entries'> {
  const all = entries.map(
    each => ({ name: 'shop', kind: 'jwt', origins: [SHOP], environment: 'staging', ...each }) as VaultEntry,
  )
  return { entry: name => all.find(each => each.name === name), entries: () => all }
}

describe('what a policy uses and the vault does not serve', () => {
  it('is nothing where each credential has an entry for its origin and environment, and an API without one needs none', () => {
    assert.deepEqual(unservedUses(policyWith(LOOK), vaultOf({})), [])
  })

  it('names the credential, what it would be used for, and the entry that comes nearest', () => {
    const use = { credential: 'shop', minter: 'jwt', api: 'shop', origin: SHOP, environment: 'staging' }
    const entry = { name: 'shop', kind: 'jwt', origins: [SHOP], environment: 'staging' }
    for (const [held, code, nearest] of [
      [[], 'vault_entry_missing', null],
      [[{ name: 'shopp' }], 'vault_entry_missing', { ...entry, name: 'shopp' }],
      [
        [{ origins: ['https://other.test'] }],
        'vault_entry_origin',
        { ...entry, origins: ['https://other.test'] },
      ],
      [[{ origins: [`${SHOP}:8443`] }], 'vault_entry_origin', { ...entry, origins: [`${SHOP}:8443`] }],
      [[{ environment: 'production' }], 'vault_entry_environment', { ...entry, environment: 'production' }],
      [[{ kind: 'static' }], 'vault_entry_kind', { ...entry, kind: 'static' }],
    ] as const)
      assert.deepEqual(unservedUses(policyWith(LOOK), vaultOf(...held)), [{ ...use, code, nearest }])
  })

  it('asks for no more than agents that a rule could let through, or that observe', () => {
    const twoAgents = `  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
  other: { environment: production, session: 8h, identity: [{ grant: true }] }`
    const coderAlone = policyWith(LOOK, twoAgents)
    assert.deepEqual(unservedUses(coderAlone, vaultOf({})), [])
    const both = policyWith(LOOK.replace('[coder]', '[coder, other]'), twoAgents)
    assert.deepEqual(
      unservedUses(both, vaultOf({})).map(({ environment, code }) => [environment, code]),
      [['production', 'vault_entry_environment']],
    )
    const never = policyWith('  - { id: never, deny: { api: shop, class: [read] }, to: [coder] }')
    assert.deepEqual(unservedUses(never, vaultOf()), [])
  })
})
