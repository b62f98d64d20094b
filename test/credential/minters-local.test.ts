import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import {
  credentialBroker,
  type MintScope,
  outbound,
  publicJwks,
  standardMinters,
} from '../../src/credential/index.js'
import { mintScope, NOW, ORIGIN, operation, vaultOf } from './scope.js'

const nobody = { send: outbound().send }

function obtaining(vault: ReturnType<typeof vaultOf>) {
  const broker = credentialBroker({
    vault,
    minters: standardMinters(nobody, ORIGIN),
    clock: () => NOW,
    onMint: async () => undefined,
  })
  return (scope: Partial<MintScope>) => broker.obtain(mintScope(scope))
}

function privateJwk(alg: 'ES256' | 'Ed25519') {
  const { privateKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'jwk' })
}

function jwtSpec(alg: 'ES256' | 'Ed25519', ttlSeconds = 60) {
  return { minter: 'jwt', audience: 'https://billing.internal', ttlSeconds, alg } as const
}

test('static puts the secret into the header that the policy names', async () => {
  const obtain = obtaining(vaultOf({ material: { secret: 'planted-secret-1' } }))
  const spec = { minter: 'static', header: 'X-Api-Key', prefix: 'Key ' } as const
  const { headers, scope } = await obtain({ spec })
  assert.deepEqual(headers, [['x-api-key', 'Key planted-secret-1']])
  assert.doesNotMatch(scope, /planted/)
})

for (const alg of ['ES256', 'Ed25519'] as const) {
  test(`jwt with ${alg} names agent, task and the exact operations, and verifies against the JWKS`, async () => {
    const vault = vaultOf({ kind: 'jwt', material: { jwk: privateJwk(alg) } })
    const voiding = operation('POST /invoices/{id}/void', {
      classes: ['irreversible'],
      resources: [{ type: 'invoice', id: 'in_1001' }],
      scope: { id: 'in_1001' },
    })
    const { headers, expiresMs } = await obtaining(vault)({
      spec: jwtSpec(alg, 3_600),
      operations: [voiding],
    })
    assert.equal(expiresMs, NOW + 60_000)
    const token = headers[0]?.[1].replace('Bearer ', '') ?? ''
    const jwks = (await publicJwks(vault, NOW)) as JSONWebKeySet
    assert.ok(jwks.keys.every(key => !('d' in key)))
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), {
      audience: 'https://billing.internal',
      issuer: ORIGIN,
      typ: 'at+jwt',
      algorithms: [alg],
      currentDate: new Date(NOW),
      requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    })
    assert.equal(protectedHeader.kid, jwks.keys[0]?.kid)
    assert.deepEqual(
      [payload.sub, payload.environment, payload.task, payload.owner, payload.client_id],
      ['coder', 'staging', 't-17', 'maria', ORIGIN],
    )
    assert.deepEqual(payload.authorization_details, [
      {
        type: 'countersign_operation',
        locations: ['https://api.partner.example'],
        actions: ['POST /invoices/{id}/void'],
        classes: ['irreversible'],
        resources: [{ type: 'invoice', id: 'in_1001' }],
        scope: { id: 'in_1001' },
      },
    ])
  })
}

test('attack: a jwt for one operation used for another', async () => {
  const obtain = obtaining(vaultOf({ kind: 'jwt', material: { jwk: privateJwk('Ed25519') } }))
  const of = async (id: string) => {
    const resources = [{ type: 'invoice', id }]
    const operations = [operation('GET /invoices/{id}', { resources })]
    return (await obtain({ spec: jwtSpec('Ed25519'), operations })).headers[0]?.[1]
  }
  assert.notEqual(await of('in_1'), await of('in_2'))
  assert.equal(await of('in_1'), await of('in_1'))
})

test('a jwt key of another algorithm than the sealed one is refused', async () => {
  const obtain = obtaining(vaultOf({ kind: 'jwt', material: { jwk: privateJwk('Ed25519') } }))
  await assert.rejects(obtain({ spec: jwtSpec('ES256') }), { code: 'vault_entry_invalid' })
})

test('more operations than a header can name are refused, not cut', async () => {
  const obtain = obtaining(vaultOf({ kind: 'jwt', material: { jwk: privateJwk('Ed25519') } }))
  const operations = Array.from({ length: 100 }, (_, i) => operation(`GET /invoices/${i}/attachments`))
  await assert.rejects(obtain({ spec: jwtSpec('Ed25519'), operations }), {
    code: 'credential_insufficient',
  })
})

test('the JWKS keeps the key before a rotation while it overlaps', async () => {
  const jwk = privateJwk('Ed25519')
  const previous = { material: { jwk: privateJwk('ES256') }, untilMs: NOW + 1_000 }
  const vault = vaultOf({ kind: 'jwt', material: { jwk }, previous })
  assert.deepEqual(
    (await publicJwks(vault, NOW)).keys.map(({ alg }) => alg),
    ['Ed25519', 'ES256'],
  )
  assert.equal((await publicJwks(vault, NOW + 1_000)).keys.length, 1)
})

const STRIPE = [
  { key: 'rk_test_everything000', covers: { operations: ['*'] } },
  { key: 'rk_live_customers0000', covers: { permissions: ['customers:write'] } },
  { key: 'rk_test_reads0000000', covers: { classes: ['read'] } },
  { key: 'rk_test_customers0000', covers: { permissions: ['customers:write', 'charges:read'] } },
  { key: 'rk_test_onlyrefund000', covers: { operations: ['POST /v1/refunds'] } },
]

function stripe(keys: object[] = STRIPE, livemode = false, extra: object = {}) {
  const obtain = obtaining(vaultOf({ kind: 'stripe-restricted-key', material: { keys, ...extra } }))
  return async (...operations: MintScope['operations']) =>
    (await obtain({ spec: { minter: 'stripe-restricted-key', livemode }, operations })).headers[0]?.[1]
}

const READ = operation('GET /v1/customers/{customer}')
const CREATE = operation('POST /v1/customers', { classes: ['create'] })
const REFUND = operation('POST /v1/refunds', { classes: ['billing', 'irreversible'] })

test('stripe uses the narrowest key that covers every operation of the request', async () => {
  const key = stripe()
  assert.equal(await key(REFUND), 'Bearer rk_test_onlyrefund000')
  assert.equal(await key(CREATE), 'Bearer rk_test_customers0000')
  assert.equal(await key(READ), 'Bearer rk_test_customers0000')
  assert.equal(await key(operation('GET /v1/invoices')), 'Bearer rk_test_reads0000000')
  assert.equal(await key(READ, REFUND), 'Bearer rk_test_everything000')
})

test('attack: a permission of one resource for another with a longer name, or to write with a read', async () => {
  const key = stripe([{ key: 'rk_test_customers0000', covers: { permissions: ['customers:read'] } }])
  assert.equal(await key(READ), 'Bearer rk_test_customers0000')
  for (const other of [
    CREATE,
    operation('GET /v1/customers_export'),
    operation('GET /v2/x/customers'),
    operation('GET /v1/customers/{customer}', { classes: ['read', 'unknown'] }),
  ])
    await assert.rejects(key(other), { code: 'credential_insufficient' }, other.name)
})

test('attack: a pattern of the vault that is read as a regular expression', async () => {
  const key = stripe([{ key: 'rk_test_dots00000000', covers: { operations: ['GET /v1/a.b/*'] } }])
  assert.ok(await key(operation('GET /v1/a.b/c')))
  await assert.rejects(key(operation('GET /v1/aXb/c')), { code: 'credential_insufficient' })
})

test('attack: a live key where the sealed policy says test, and the other way round', async () => {
  const live = [{ key: 'rk_live_everything000', covers: { operations: ['*'] } }]
  const test = [{ key: 'rk_test_everything000', covers: { operations: ['*'] } }]
  await assert.rejects(stripe(live, false)(READ), { code: 'credential_insufficient' })
  await assert.rejects(stripe(test, true)(READ), { code: 'credential_insufficient' })
  assert.equal(await stripe(live, true)(READ), 'Bearer rk_live_everything000')
})

test('an unrestricted key, once taken on purpose, is the last choice', async () => {
  const keys = [{ key: 'sk_test_everything000', covers: { operations: ['POST /v1/refunds'] } }, ...STRIPE]
  assert.equal(
    await stripe(keys, false, { acceptUnrestricted: true })(REFUND),
    'Bearer rk_test_onlyrefund000',
  )
})
