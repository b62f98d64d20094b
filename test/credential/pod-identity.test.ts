import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import { identityVerifier, issuerKeys, tokenReviewer } from '../../src/credential/index.js'
import { Cluster, ISSUER, POD_CLAIMS, SUBJECT } from './pod-tokens.js'

const ORIGIN = 'acme.example/countersign/coder'
const NOW = Date.UTC(2027, 0, 1)

async function verifierOf(cluster: Cluster, changes: object = {}) {
  return identityVerifier({
    origin: ORIGIN,
    podUid: POD_CLAIMS.pod.uid,
    issuers: [{ issuer: ISSUER, keys: issuerKeys(async () => cluster.jwks), review: null }],
    ...changes,
  })
}

describe('the identity of a pod', () => {
  it('is what its issuer says, for this sidecar and this pod', async () => {
    const cluster = await Cluster.start()
    const verifier = await verifierOf(cluster)
    const token = await cluster.token(ORIGIN, NOW)
    assert.equal(verifier.claims(token), true)
    const verdict = await verifier.verify(token, NOW)
    assert.equal(verdict.kind, 'identity')
    const { id, ...identity } = verdict.identity
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.deepEqual(identity, {
      issuer: ISSUER,
      subject: SUBJECT,
      pod: { namespace: 'agents', name: 'coder-1', uid: POD_CLAIMS.pod.uid },
      issuedMs: NOW,
      expiresMs: NOW + 3_600_000,
    })
  })

  const seconds = NOW / 1_000
  for (const [what, claims, code] of [
    ['for the API server', { aud: ['https://kubernetes.default.svc'] }, 'grant_audience'],
    ['for several places', { aud: [ORIGIN, 'https://vault.example'] }, 'grant_malformed'],
    ['for another sidecar', { aud: ['acme.example/countersign/other'] }, 'grant_audience'],
    ['for nobody', { aud: undefined }, 'grant_audience'],
    ['that has ended', { iat: seconds - 7_200, nbf: seconds - 7_200, exp: seconds - 3_600 }, 'grant_expired'],
    ['that isn’t valid yet', { nbf: seconds + 600 }, 'grant_expired'],
    ['of the future', { iat: seconds + 600, nbf: undefined }, 'grant_expired'],
    ['of a year', { exp: seconds + 31_536_000 }, 'grant_malformed'],
    ['without an end', { exp: undefined }, 'grant_malformed'],
    ['without a beginning', { iat: undefined }, 'grant_malformed'],
    ['without a subject', { sub: undefined }, 'grant_malformed'],
    [
      'of another pod',
      { 'kubernetes.io': { ...POD_CLAIMS, pod: { name: 'x', uid: 'other' } } },
      'grant_audience',
    ],
    ['of no pod', { 'kubernetes.io': undefined }, 'grant_audience'],
    ['of a pod without an id', { 'kubernetes.io': { ...POD_CLAIMS, pod: { name: 'x' } } }, 'grant_malformed'],
    [
      'whose subject isn’t its service account',
      { sub: 'system:serviceaccount:agents:root' },
      'grant_malformed',
    ],
  ] as const)
    it(`attack: is not a token ${what}`, async () => {
      const cluster = await Cluster.start()
      const verifier = await verifierOf(cluster)
      assert.deepEqual(await verifier.verify(await cluster.token(ORIGIN, NOW, claims), NOW), {
        kind: 'refused',
        code,
      })
    })

  it('attack: is not what another key has signed', async () => {
    const verifier = await verifierOf(await Cluster.start())
    const token = await (await Cluster.start()).token(ORIGIN, NOW)
    assert.deepEqual(await verifier.verify(token, NOW), { kind: 'refused', code: 'grant_signature' })
  })

  it('attack: is not signed with the public key as a secret, and not unsigned', async () => {
    const cluster = await Cluster.start()
    const verifier = await verifierOf(cluster)
    const token = await cluster.token(ORIGIN, NOW)
    const [, payload] = token.split('.') as [string, string, string]
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const secret = Buffer.from(JSON.stringify(cluster.jwks.keys[0]))
    const hs256 = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret)
    const none = `${Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url')}.${payload}.`
    for (const forged of [hs256, none]) assert.equal((await verifier.verify(forged, NOW)).kind, 'refused')
  })

  for (const [what, header, keys, code] of [
    ['that names no key, where there are several', { alg: 'RS256' }, 2, 'grant_malformed'],
    ['that names another key', { alg: 'RS256', kid: 'k2' }, 2, 'grant_signature'],
    ['of another algorithm than its key’s', { alg: 'PS256', kid: 'k1' }, 1, 'grant_signature'],
    ['with a key of its own', { alg: 'RS256', jwk: { kty: 'oct', k: 'AA' } }, 2, 'grant_malformed'],
    [
      'with what nobody here understands',
      { alg: 'RS256', kid: 'k1', crit: ['x'], x: 1 },
      1,
      'grant_malformed',
    ],
    [
      'whose payload is not encoded',
      { alg: 'RS256', kid: 'k1', crit: ['b64'], b64: false },
      1,
      'grant_malformed',
    ],
  ] as const)
    it(`attack: is not a token ${what}`, async () => {
      const cluster = await Cluster.start()
      const others = keys > 1 ? (await Cluster.start('k2')).jwks.keys : []
      const set = { keys: [...cluster.jwks.keys, ...others] }
      const verifier = await verifierOf(cluster, {
        issuers: [{ issuer: ISSUER, keys: issuerKeys(async () => set), review: null }],
      })
      const [, payload] = (await cluster.token(ORIGIN, NOW)).split('.')
      const encoded = Buffer.from(JSON.stringify(header)).toString('base64url')
      const token = await cluster.signed(`${encoded}.${payload}`)
      assert.deepEqual(await verifier.verify(token, NOW), { kind: 'refused', code })
    })

  for (const issuer of [`${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}\u0000`, [ISSUER], { [ISSUER]: 1 }])
    it(`attack: is not that of ${JSON.stringify(issuer)}`, async () => {
      const cluster = await Cluster.start()
      const verifier = await verifierOf(cluster)
      const token = await cluster.token(ORIGIN, NOW, { iss: issuer })
      assert.equal(verifier.claims(token), false)
      assert.equal((await verifier.verify(token, NOW)).kind, 'refused')
    })

  it('ends when the token does, also where it is remembered', async () => {
    const cluster = await Cluster.start()
    const verifier = await verifierOf(cluster)
    const token = await cluster.token(ORIGIN, NOW)
    assert.equal((await verifier.verify(token, NOW)).kind, 'identity')
    assert.deepEqual(await verifier.verify(token, NOW + 3_600_000), {
      kind: 'refused',
      code: 'grant_expired',
    })
  })

  it('is nobody’s business here where another issuer made it', async () => {
    const cluster = await Cluster.start()
    const verifier = await verifierOf(cluster)
    assert.equal(verifier.claims(await cluster.token(ORIGIN, NOW, { iss: 'https://evil.example' })), false)
    for (const text of ['', 'a.b.c', 'x'.repeat(9_000)]) assert.equal(verifier.claims(text), false)
  })
})

describe('the keys of an issuer', () => {
  it('are asked for once, again for an unknown one, and not for every one that somebody makes up', async () => {
    const [first, second] = [await Cluster.start('k1'), await Cluster.start('k2')]
    let asked = 0
    let jwks = first.jwks
    const verifier = await verifierOf(first, {
      issuers: [
        {
          issuer: ISSUER,
          review: null,
          keys: issuerKeys(async () => {
            asked++
            return jwks
          }),
        },
      ],
    })
    const verify = async (cluster: Cluster, nowMs: number) =>
      (await verifier.verify(await cluster.token(ORIGIN, nowMs), nowMs)).kind
    assert.equal(await verify(first, NOW), 'identity')
    assert.equal(await verify(first, NOW), 'identity')
    assert.equal(asked, 1)
    jwks = { keys: [...first.jwks.keys, ...second.jwks.keys] }
    assert.equal(await verify(second, NOW), 'refused')
    assert.equal(asked, 1, 'too soon to ask again')
    assert.equal(await verify(second, NOW + 31_000), 'identity')
    assert.equal(asked, 2)
    const stranger = await Cluster.start('k3')
    for (let i = 0; i < 20; i++) assert.equal(await verify(stranger, NOW + 40_000), 'refused')
    assert.equal(asked, 2)
  })

  it('are used for an hour where they can’t be had any more, and then nobody gets in', async () => {
    const cluster = await Cluster.start()
    let down = false
    const verifier = await verifierOf(cluster, {
      issuers: [
        {
          issuer: ISSUER,
          review: null,
          keys: issuerKeys(async () => {
            if (down) throw new Error('down')
            return cluster.jwks
          }),
        },
      ],
    })
    const verify = async (nowMs: number) => verifier.verify(await cluster.token(ORIGIN, nowMs), nowMs)
    assert.equal((await verify(NOW)).kind, 'identity')
    down = true
    assert.equal((await verify(NOW + 3_500_000)).kind, 'identity')
    assert.deepEqual(await verify(NOW + 3_601_000), { kind: 'refused', code: 'grant_unverifiable' })
  })

  for (const [what, value] of [
    ['nothing', null],
    ['no keys', { keys: [] }],
    ['a secret key', { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }] }],
    ['too many', { keys: Array.from({ length: 65 }, () => ({ kty: 'RSA' })) }],
  ] as const)
    it(`let nobody in where they are ${what}`, async () => {
      const cluster = await Cluster.start()
      const verifier = await verifierOf(cluster, {
        issuers: [{ issuer: ISSUER, keys: issuerKeys(async () => value), review: null }],
      })
      assert.equal((await verifier.verify(await cluster.token(ORIGIN, NOW), NOW)).kind, 'refused')
    })
})

describe('a TokenReview', () => {
  const YES = { status: { authenticated: true, audiences: [ORIGIN], user: { username: SUBJECT } } }

  async function reviewed(ask: (review: object) => Promise<unknown>) {
    const cluster = await Cluster.start()
    const verifier = await verifierOf(cluster, {
      issuers: [
        { issuer: ISSUER, keys: issuerKeys(async () => cluster.jwks), review: tokenReviewer(ask, ORIGIN) },
      ],
    })
    const token = await cluster.token(ORIGIN, NOW)
    return (nowMs = NOW) => verifier.verify(token, nowMs)
  }

  it('is asked with the token and the audience, and remembered for a minute', async () => {
    const asked: object[] = []
    const verify = await reviewed(async review => {
      asked.push(review)
      return YES
    })
    assert.equal((await verify()).kind, 'identity')
    assert.equal((await verify(NOW + 59_000)).kind, 'identity')
    assert.equal(asked.length, 1)
    assert.equal((await verify(NOW + 60_000)).kind, 'identity')
    assert.equal(asked.length, 2)
    assert.deepEqual((asked[0] as { spec: { audiences: unknown } }).spec.audiences, [ORIGIN])
  })

  for (const [what, answer, code] of [
    ['says no', { status: { authenticated: false } }, 'grant_revoked'],
    ['knows no audiences', { status: { ...YES.status, audiences: undefined } }, 'grant_revoked'],
    ['says yes for another audience', { status: { ...YES.status, audiences: ['x'] } }, 'grant_revoked'],
    ['says yes in one word', { status: { ...YES.status, audiences: ORIGIN } }, 'grant_revoked'],
    ['says neither yes nor no', { status: { ...YES.status, authenticated: 'true' } }, 'grant_revoked'],
    ['says yes to somebody else', { status: { ...YES.status, user: { username: 'x' } } }, 'grant_revoked'],
    ['says yes to nobody', { status: { ...YES.status, user: null } }, 'grant_revoked'],
    ['answers something else', {}, 'grant_unverifiable'],
  ] as const)
    it(`ends the identity where it ${what}`, async () =>
      assert.deepEqual(await (await reviewed(async () => answer))(), { kind: 'refused', code }))

  it('lets nobody in where it can’t be had', async () => {
    const verify = await reviewed(() => Promise.reject(new Error('down')))
    assert.deepEqual(await verify(), { kind: 'refused', code: 'grant_unverifiable' })
  })
})
