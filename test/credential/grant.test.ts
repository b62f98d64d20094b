import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign, SignJWT } from 'jose'
import { canonicalize, fromBase64url, keyIdOf } from '../../src/canon/index.js'
import { type GrantOrder, grantIssuer, grantVerifier } from '../../src/credential/index.js'
import type { Slot } from '../../src/protocol/index.js'

const ORIGIN = 'acme.example/countersign/web'
const NOW = 1_790_000_000_000
const ORDER: GrantOrder = {
  agent: 'coder',
  environment: 'staging',
  task: 't-17',
  owner: 'maria@acme.example',
  slot: 'bearer',
  ttlSeconds: 3_600,
}

interface GrantKey {
  readonly private: KeyObject
  readonly jwk: { kty: string; crv: string; d: string; x: string }
  readonly raw: Uint8Array
  readonly kid: string
}

function grantKey(): GrantKey {
  const pair = generateKeyPairSync('ed25519')
  const jwk = pair.privateKey.export({ format: 'jwk' }) as GrantKey['jwk']
  const raw = fromBase64url(jwk.x)
  return { private: pair.privateKey, jwk, raw, kid: keyIdOf(raw) }
}

const key = grantKey()

function verifier(options: Partial<Parameters<typeof grantVerifier>[0]> = {}) {
  return grantVerifier({ keys: [key.raw], origin: ORIGIN, isRevoked: () => false, ...options })
}

async function issued(order: Partial<GrantOrder> = {}, by = key, origin = ORIGIN): Promise<string> {
  return (await grantIssuer(by.jwk, origin).issue({ ...ORDER, ...order }, NOW)).token
}

async function codeOf(token: string, slot: Slot = 'bearer', nowMs = NOW, of = verifier()): Promise<string> {
  const verdict = await of.verify(token, slot, nowMs)
  return verdict.kind === 'grant' ? 'grant' : verdict.code
}

const CLAIMS = {
  iss: ORIGIN,
  aud: ORIGIN,
  sub: 'coder',
  environment: 'staging',
  task: 't-17',
  owner: 'maria@acme.example',
  jti: '0b0f7a5e-6a4d-4b6f-9d4e-0a1b2c3d4e5f',
  slot: 'bearer',
  iat: NOW / 1_000,
  exp: NOW / 1_000 + 600,
}

/** A token with our key's true signature over whatever header and payload text. */
function signedBy(by: GrantKey, header: unknown, payload: unknown = CLAIMS): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const input = [header, payload].map(part => Buffer.from(text(part)).toString('base64url')).join('.')
  return `${input}.${sign(null, Buffer.from(input), by.private).toString('base64url')}`
}

const HEADER = { alg: 'Ed25519', kid: key.kid, typ: 'at+jwt' }

test('an issued grant says who, where, for what and until when, and verifies', async () => {
  const details = [{ type: 'countersign_operation', actions: ['serviceInstanceRedeploy'] }]
  const { token, grant } = await grantIssuer(key.jwk, ORIGIN).issue(
    { ...ORDER, authorizationDetails: details },
    NOW,
  )
  const verdict = await verifier().verify(token, 'bearer', NOW)
  assert.equal(canonicalize(verdict), canonicalize({ kind: 'grant', grant }))
  assert.deepEqual(grant, {
    agent: 'coder',
    environment: 'staging',
    task: 't-17',
    owner: 'maria@acme.example',
    jti: grant.jti,
    expiresMs: NOW + 3_600_000,
    authorizationDetails: details,
  })
})

test('a hand-made token with the exact header and claims verifies, so that the refusals below are about the rest', async () => {
  assert.equal(await codeOf(signedBy(key, HEADER)), 'grant')
})

test('a token opens its own slot and no other', async () => {
  const opens: Readonly<Record<string, readonly Slot[]>> = {
    bearer: ['bearer', 'countersign-grant', 'basic-user'],
    'project-access-token': ['project-access-token'],
    'aws-sigv4': ['aws-sigv4'],
  }
  const slots: readonly Slot[] = [
    'bearer',
    'countersign-grant',
    'basic-user',
    'project-access-token',
    'aws-sigv4',
  ]
  for (const [claim, accepted] of Object.entries(opens)) {
    const token = await issued({ slot: claim as Slot })
    for (const slot of slots) {
      assert.equal(
        await codeOf(token, slot),
        accepted.includes(slot) ? 'grant' : 'grant_slot',
        `${claim} in ${slot}`,
      )
    }
  }
})

test('a grant ordered for a slot that carries it as it is serves all three of them', async () => {
  assert.equal(await codeOf(await issued({ slot: 'basic-user' }), 'countersign-grant'), 'grant')
})

test('attack: alg none, with and without a signature', async () => {
  const header = { ...HEADER, alg: 'none' }
  assert.equal(await codeOf(signedBy(key, header)), 'grant_malformed')
  assert.equal(await codeOf(`${signedBy(key, header).split('.').slice(0, 2).join('.')}.`), 'grant_malformed')
})

test('attack: HS256 with the public key as the secret', async () => {
  for (const secret of [key.raw, Buffer.from(key.jwk.x), Buffer.from(`ed25519:${key.jwk.x}`)]) {
    for (const alg of ['HS256', 'Ed25519']) {
      const input = [{ ...HEADER, alg }, CLAIMS]
        .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const mac = createHmac('sha512', secret).update(input).digest('base64url')
      assert.equal(await codeOf(`${input}.${mac}`), alg === 'HS256' ? 'grant_malformed' : 'grant_signature')
    }
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ ...HEADER, alg: 'HS256' })
      .sign(Buffer.concat([secret, Buffer.alloc(32)]))
    assert.equal(await codeOf(token), 'grant_malformed')
  }
})

test('attack: another algorithm name for the same key', async () => {
  for (const alg of ['EdDSA', 'ed25519', 'ES256', 'RS256', 'Ed448'])
    assert.equal(await codeOf(signedBy(key, { ...HEADER, alg })), 'grant_malformed', alg)
})

test('attack: another token type of the same issuer', async () => {
  for (const typ of ['JWT', 'application/at+jwt', 'AT+JWT', 'dpop+jwt', ''])
    assert.equal(await codeOf(signedBy(key, { ...HEADER, typ })), 'grant_malformed', typ)
  const { typ: _, ...untyped } = HEADER
  assert.equal(await codeOf(signedBy(key, untyped)), 'grant_malformed')
})

test('attack: a header that brings its own key or points at one', async () => {
  const other = grantKey()
  const extras = [
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: other.jwk.x } },
    { jku: 'https://evil.example/jwks.json' },
    { x5u: 'https://evil.example/cert.pem' },
    { x5c: ['AAAA'] },
    { crit: ['exp'] },
    { crit: [] },
    { b64: true },
    { cty: 'JWT' },
  ]
  for (const extra of extras) {
    assert.equal(
      await codeOf(signedBy(other, { ...HEADER, ...extra })),
      'grant_malformed',
      Object.keys(extra)[0],
    )
    assert.equal(await codeOf(signedBy(key, { ...HEADER, ...extra })), 'grant_malformed')
  }
})

test('attack: path tricks and strangers in kid', async () => {
  for (const kid of [
    '../../dev/null',
    '/proc/self/environ',
    "' OR 1=1",
    '',
    '__proto__',
    'constructor',
    grantKey().kid,
  ])
    assert.equal(await codeOf(signedBy(key, { ...HEADER, kid })), 'grant_signature', kid)
  assert.equal(await codeOf(signedBy(key, { ...HEADER, kid: [key.kid] as never })), 'grant_malformed')
})

test("attack: another key's signature under our kid", async () => {
  assert.equal(await codeOf(signedBy(grantKey(), HEADER)), 'grant_signature')
})

test('attack: another sidecar of the same domain', async () => {
  assert.equal(await codeOf(await issued({}, key, 'acme.example/countersign/other')), 'grant_audience')
  assert.equal(await codeOf(signedBy(key, HEADER, { ...CLAIMS, iss: 'evil.example' })), 'grant_audience')
  assert.equal(
    await codeOf(signedBy(key, HEADER, { ...CLAIMS, aud: [ORIGIN, 'x'] as never })),
    'grant_malformed',
  )
})

test('attack: a grant after its time, at its last millisecond, and before its time', async () => {
  const token = signedBy(key, HEADER)
  assert.equal(await codeOf(token, 'bearer', NOW + 599_999), 'grant')
  assert.equal(await codeOf(token, 'bearer', NOW + 600_000), 'grant_expired')
  assert.equal(await codeOf(token, 'bearer', NOW - 6_000), 'grant_expired')
})

test('attack: a grant that is good for longer than an hour', async () => {
  assert.equal(await codeOf(signedBy(key, HEADER, { ...CLAIMS, exp: CLAIMS.iat + 3_601 })), 'grant_malformed')
})

test('attack: a token of more than 2 KB', async () => {
  const padded = signedBy(key, HEADER, {
    ...CLAIMS,
    authorization_details: [{ type: 'x', pad: 'a'.repeat(1_800) }],
  })
  assert.ok(padded.length > 2_048)
  assert.equal(await codeOf(padded), 'grant_malformed')
})

test('attack: claims that are missing, unknown, doubled or of another type', async () => {
  for (const name of Object.keys(CLAIMS)) {
    const { [name as keyof typeof CLAIMS]: _, ...rest } = CLAIMS
    assert.equal(await codeOf(signedBy(key, HEADER, rest)), 'grant_malformed', name)
  }
  const wrong = [
    { admin: true },
    { exp: `${CLAIMS.exp}` },
    { exp: CLAIMS.exp + 0.5 },
    { sub: ['coder'] },
    { sub: 'co\nder' },
    { sub: '' },
    { slot: 'admin' },
    { slot: 'basic-user' },
    { nbf: 0 },
    { authorization_details: {} },
    { authorization_details: [] },
    { authorization_details: [{ actions: ['x'] }] },
  ]
  for (const change of wrong)
    assert.equal(
      await codeOf(signedBy(key, HEADER, { ...CLAIMS, ...change })),
      'grant_malformed',
      JSON.stringify(change),
    )
  const doubled = `${JSON.stringify(CLAIMS).slice(0, -1)},"sub":"admin"}`
  assert.equal(await codeOf(signedBy(key, HEADER, doubled)), 'grant_malformed')
})

test('attack: the same grant in another spelling', async () => {
  const token = signedBy(key, HEADER)
  const last = token.at(-1) as string
  const sibling = String.fromCharCode(last.charCodeAt(0) + 1)
  const spellings = [`${token}=`, ` ${token}`, `${token}.`, `${token}\n`, `${token.slice(0, -1)}${sibling}`]
  for (const spelling of spellings)
    assert.equal(await codeOf(spelling), 'grant_malformed', spelling.slice(-4))
})

test('attack: nothing like a token', async () => {
  for (const token of ['', '.', '..', 'a.b.c', 'sk_live_abcdefghijk', 'é.ü.ö', '{}', 'eyJ.eyJ.'])
    assert.equal(await codeOf(token), 'grant_malformed', token)
  const jwe = await new CompactSign(new Uint8Array(4))
    .setProtectedHeader({ alg: 'Ed25519' })
    .sign(key.private)
  assert.equal(await codeOf(`${jwe}.AA.AA`), 'grant_malformed')
})

test('a grant that is revoked after it was verified is refused from then on', async () => {
  const revoked = new Set<string>()
  const of = verifier({ isRevoked: jti => revoked.has(jti) })
  const { token, grant } = await grantIssuer(key.jwk, ORIGIN).issue(ORDER, NOW)
  assert.equal(await codeOf(token, 'bearer', NOW, of), 'grant')
  revoked.add(grant.jti)
  assert.equal(await codeOf(token, 'bearer', NOW, of), 'grant_revoked')
})

test('a remembered grant still has its time and its slot checked', async () => {
  const of = verifier()
  const token = await issued()
  assert.equal(await codeOf(token, 'bearer', NOW, of), 'grant')
  assert.equal(await codeOf(token, 'aws-sigv4', NOW, of), 'grant_slot')
  assert.equal(await codeOf(token, 'bearer', NOW + 3_600_000, of), 'grant_expired')
})

test('what is remembered is bounded, and what was forgotten is verified again', async () => {
  const of = verifier({ maxRemembered: 1 })
  const [first, second] = [await issued(), await issued()]
  for (const token of [first, second, first]) assert.equal(await codeOf(token, 'bearer', NOW, of), 'grant')
})

test('when revocation can not be looked up, the grant is refused and nothing is thrown', async () => {
  const of = verifier({
    isRevoked: () => {
      throw new Error('disk')
    },
  })
  assert.equal(await codeOf(await issued(), 'bearer', NOW, of), 'grant_unverifiable')
})

test('grants of the previous key are good while it is listed, and not after', async () => {
  const next = grantKey()
  const token = await issued()
  assert.equal(await codeOf(token, 'bearer', NOW, verifier({ keys: [next.raw, key.raw] })), 'grant')
  assert.equal(await codeOf(token, 'bearer', NOW, verifier({ keys: [next.raw] })), 'grant_signature')
})

test('an order that would not verify is not issued', async () => {
  const orders: Partial<GrantOrder>[] = [
    { ttlSeconds: 3_601 },
    { ttlSeconds: 0 },
    { ttlSeconds: 1.5 },
    { agent: '' },
    { owner: 'ma\u0000ria' },
    { task: 'x'.repeat(129) },
    { slot: 'cookie' as Slot },
    { authorizationDetails: [] },
    { authorizationDetails: [{ type: 'x', pad: 'a'.repeat(2_000) }] },
  ]
  for (const order of orders) {
    await assert.rejects(issued(order), { code: 'grant_order_invalid' }, JSON.stringify(order).slice(0, 60))
  }
})
