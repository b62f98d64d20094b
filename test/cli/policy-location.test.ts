import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import { encodeEnvelope, type JsonObject } from '../../src/canon/index.js'
import { policySource } from '../../src/cli/compose/policy-source.js'
import { type LoadedConfig, loadConfig } from '../../src/cli/config.js'
import { policyFoldersOf, policyLocation, sealedFileOf } from '../../src/cli/policy-location.js'
import { writeSealedPolicy } from '../../src/cli/sealed-policy.js'
import { sealPolicy } from '../../src/policy/index.js'
import { startPolicyServer } from '../keeper/policy-server.js'
import { compiledOf, policyText } from '../policy/a-policy.js'
import { keyNamed, NOW, sealedChain, trustRoot } from '../policy/trust-fixture.js'
import { scratch } from './command-line.js'

async function configWith(t: TestContext, policy: object, audience = 'staging'): Promise<() => LoadedConfig> {
  const path = await scratch(t)
  const document = {
    apiVersion: 'countersign.dev/v1',
    kind: 'Sidecar',
    origin: 'acme.test/countersign/one',
    audience,
    trust: { root: 'root.json', pin: `sha256:${'0'.repeat(64)}` },
    policy,
    gate: { listen: '127.0.0.1:0' },
    keeper: { socket: 'link.sock', admin: 'admin.sock', keys: 'keys', enrolment: 'enrolment.json' },
    ledger: { dir: 'state/ledger', highWater: 'mark/high-water' },
    vault: { file: 'vault.jwe', key: { file: 'vault.key' } },
  }
  writeFileSync(path('countersign.yaml'), stringify(document))
  return () => loadConfig(path('countersign.yaml'))
}

const URL_OF = 'https://policies.example/team/policy.sealed.json'
const quiet = { info() {}, warn() {}, error() {} }

test('a policy’s URL has an interval, and a cache beside the ledger', async t => {
  const loaded = (await configWith(t, { url: URL_OF }))()
  const location = policyLocation(loaded)
  assert.deepEqual(location, {
    kind: 'url',
    url: URL_OF,
    everyMs: 30_000,
    cache: loaded.path('state/policy-cache'),
    ca: null,
  })
  assert.equal(sealedFileOf(loaded), loaded.path('state/policy-cache/policy.sealed.json'))
})

test('policies are looked for where the keeper keeps them, in epochs that have ended too', async t => {
  const loaded = (await configWith(t, { file: 'sealed/policy.json' }))()
  const ledger = loaded.path(loaded.config.ledger.dir)
  assert.deepEqual(policyFoldersOf(loaded), [])
  for (const kept of ['epoch-1/policies', 'epoch-10/policies', 'epoch-9', 'epoch-x/policies', 'policies'])
    mkdirSync(join(ledger, kept), { recursive: true })
  assert.deepEqual(
    policyFoldersOf(loaded),
    ['policies', 'epoch-10/policies', 'epoch-1/policies'].map(folder => join(ledger, folder)),
  )
})

test('a file stays what it was', async t => {
  const loaded = (await configWith(t, { file: 'policy.sealed.json' }))()
  assert.equal(sealedFileOf(loaded), loaded.path('policy.sealed.json'))
})

for (const [title, policy] of [
  ['a user in the URL', { url: 'https://me:secret@policies.example/p.json' }],
  ['a signed query', { url: `${URL_OF}?sig=abc` }],
  ['both a file and a URL', { url: URL_OF, file: 'policy.sealed.json' }],
  ['neither', {}],
  ['an interval in words', { url: URL_OF, every: 'often' }],
  ['another scheme', { url: 'ftp://policies.example/p.json' }],
] as const) {
  test(`a configuration with ${title} is refused`, async t => {
    const load = await configWith(t, policy)
    assert.throws(load, { code: 'config_malformed' })
  })
}

test('an interval that would hammer the server is refused', async t => {
  const loaded = (await configWith(t, { url: URL_OF, every: '1s' }))()
  assert.throws(() => policyLocation(loaded), { code: 'config_malformed', message: /5s or more/ })
})

test('plain HTTP is for an audience that the trust root lists as a test audience', async t => {
  const policy = { url: 'http://policies.example/p.json' }
  const production = (await configWith(t, policy, 'production'))()
  assert.throws(() => policySource(production, trustRoot(), quiet, () => []), { code: 'policy_plaintext' })
  const sandbox = (await configWith(t, policy, 'sandbox'))()
  assert.ok(policySource(sandbox, trustRoot(), quiet, () => []).distribution)
})

test('attack: a policy that would observe for a month never takes the place of the last good one in the cache', async t => {
  const server = await startPolicyServer(t)
  const load = await configWith(t, { url: `${server.origin}/team/policy.sealed.json` }, 'staging')
  const loaded = load()
  const trust = trustRoot({ testAudiences: ['staging'] })
  const [chain] = sealedChain([trust, ['root']]) as [Uint8Array]
  writeFileSync(loaded.path('root.json'), `[${Buffer.from(chain)}]`)
  const { payload, catalogs } = compiledOf(
    policyText('  - { id: r, allow: { api: shop, class: read }, to: coder }'),
  )
  const serve = (change: JsonObject) => {
    const envelope = sealPolicy({ ...payload, ...change }, [keyNamed('p1'), keyNamed('p2')])
    writeSealedPolicy(loaded.path('served/policy.sealed.json'), envelope, catalogs)
    server.files.set('/team/policy.sealed.json', encodeEnvelope(envelope))
    for (const digest of catalogs.keys()) {
      const name = `catalogs/${digest.slice('sha256:'.length)}.json`
      server.files.set(`/team/${name}`, readFileSync(loaded.path(`served/${name}`)))
    }
  }
  const cached = () => readFileSync(sealedFileOf(loaded))
  const source = policySource(loaded, trust, quiet, () => [])
  t.after(source.watch(() => undefined))
  serve({})
  await source.policy(trust, null, NOW)
  const good = cached()
  const { coder } = payload.agents as { readonly coder: JsonObject }
  serve({ version: 2, agents: { coder: { ...coder, observeUntil: NOW + 30 * 86_400_000 } } })
  await assert.rejects(source.policy(trust, null, NOW), { code: 'observe_too_long' })
  assert.deepEqual(cached(), good)
})
