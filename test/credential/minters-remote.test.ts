import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { jwtVerify } from 'jose'
import { credentialBroker, type MintScope, outbound, standardMinters } from '../../src/credential/index.js'
import { mintScope, NOW, ORIGIN, operation, vaultOf } from './scope.js'
import { type Answer, type Upstream, upstream } from './upstream.js'

function obtaining(t: TestContext, vault: ReturnType<typeof vaultOf>) {
  const network = outbound({ allowPlaintextLoopback: true })
  t.after(() => network.close())
  const broker = credentialBroker({
    vault,
    minters: standardMinters(network, ORIGIN),
    clock: () => NOW,
    onMint: async () => undefined,
  })
  return { broker, obtain: (scope: Partial<MintScope>) => broker.obtain(mintScope(scope)) }
}

async function rejectsWith(promise: Promise<unknown>, code: string, what = ''): Promise<void> {
  await assert.rejects(promise, error => {
    assert.equal((error as { code: string }).code, code, what)
    assert.doesNotMatch(`${inspect(error, { depth: 9 })}${(error as Error).stack}`, /planted/)
    return true
  })
}

const CLIENT_SECRET = 'planted secret+of/client:1%'

/** A token endpoint (RFC 6749) that checks the client and remembers what it gave. */
async function authorizationServer(t: TestContext, change: object = {}, status = 200): Promise<Upstream> {
  return upstream(t, ({ method, path, headers, body }): Answer => {
    const [id, secret] = Buffer.from(String(headers.authorization).replace('Basic ', ''), 'base64')
      .toString()
      .split(':')
      .map(half => decodeURIComponent(half.replaceAll('+', ' ')))
    const form = new URLSearchParams(body)
    const sound =
      method === 'POST' &&
      path === '/token' &&
      id === 'sidecar' &&
      secret === CLIENT_SECRET &&
      form.get('grant_type') === 'client_credentials'
    if (!sound) return { status: 401, body: { error: 'invalid_client', error_description: secret } }
    const scope = form.get('scope')
    return {
      status,
      body: { access_token: 'planted-token', token_type: 'Bearer', expires_in: 300, scope, ...change },
    }
  })
}

function oauth2(t: TestContext, server: Upstream, clientSecret = CLIENT_SECRET, listed = true) {
  const origins = ['https://api.partner.example', ...(listed ? [server.origin] : [])]
  const { obtain } = obtaining(t, vaultOf({ kind: 'oauth2', material: { clientSecret }, origins }))
  const spec = {
    minter: 'oauth2',
    tokenUrl: `${server.origin}/token`,
    clientId: 'sidecar',
    scopes: ['things:read', 'things:write'],
    audience: 'https://api.partner.example',
  } as const
  return obtain({ spec })
}

test('oauth2 asks with the client password and uses the token for as long as it lives', async t => {
  const server = await authorizationServer(t)
  const { headers, expiresMs, scope } = await oauth2(t, server)
  assert.deepEqual(headers, [['authorization', 'Bearer planted-token']])
  assert.equal(expiresMs, NOW + 300_000)
  assert.equal(scope, 'scope things:read things:write')
  const form = new URLSearchParams(server.received[0]?.body)
  assert.deepEqual(Object.fromEntries(form), {
    grant_type: 'client_credentials',
    scope: 'things:read things:write',
    audience: 'https://api.partner.example',
  })
})

test('oauth2 takes no more than an hour, and a minute where the server does not say', async t => {
  assert.equal(
    (await oauth2(t, await authorizationServer(t, { expires_in: 86_400 }))).expiresMs,
    NOW + 3_600_000,
  )
  assert.equal(
    (await oauth2(t, await authorizationServer(t, { expires_in: undefined }))).expiresMs,
    NOW + 60_000,
  )
})

test('oauth2 refuses what is not a bearer token of the scope it asked for', async t => {
  const cases: readonly (readonly [object, number, string])[] = [
    [{ scope: 'things:read admin' }, 200, 'credential_unbounded'],
    [{ token_type: 'mac' }, 200, 'mint_answer'],
    [{ token_type: undefined }, 200, 'mint_answer'],
    [{ access_token: 'planted\r\nx: y' }, 200, 'mint_answer'],
    [{ access_token: undefined }, 200, 'mint_answer'],
    [{ expires_in: -1 }, 200, 'mint_answer'],
    [{ expires_in: '300' }, 200, 'mint_answer'],
    [{}, 400, 'mint_refused'],
    [{}, 429, 'mint_answer'],
    [{}, 500, 'mint_answer'],
  ]
  for (const [change, status, code] of cases)
    await rejectsWith(oauth2(t, await authorizationServer(t, change, status)), code, JSON.stringify(change))
})

test('attack: a token endpoint that repeats the client secret in its refusal', async t => {
  await rejectsWith(oauth2(t, await authorizationServer(t), 'planted-secret-old'), 'mint_refused')
})

test('attack: a policy that points the token endpoint at a host that the vault entry does not list', async t => {
  const server = await authorizationServer(t)
  await rejectsWith(oauth2(t, server, CLIENT_SECRET, false), 'vault_entry_origin')
  assert.deepEqual(server.received, [])
})

const app = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const APP_PEM = app.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string

/** GitHub's installation tokens: checks the app's JWT, narrows, remembers which tokens live. */
async function github(t: TestContext, change: object = {}) {
  const alive = new Set<string>()
  const server = await upstream(t, async ({ method, path, headers, body }): Promise<Answer> => {
    const bearer = String(headers.authorization).replace('Bearer ', '')
    if (method === 'DELETE' && path === '/installation/token')
      return { status: alive.delete(bearer) ? 204 : 401 }
    const key = createPublicKey(app.publicKey.export({ type: 'spki', format: 'pem' }))
    const { payload } = await jwtVerify(bearer, key, {
      algorithms: ['RS256'],
      issuer: '12345',
      currentDate: new Date(NOW),
    })
    const life = (payload.exp as number) - (payload.iat as number)
    if (path !== '/app/installations/678/access_tokens' || life > 600) return { status: 401 }
    const { permissions, repositories } = JSON.parse(body)
    const token = `ghs_planted${alive.size}`
    alive.add(token)
    const expires_at = new Date(NOW + 3_600_000).toISOString()
    const list = repositories.map((name: string) => ({ name }))
    return { status: 201, body: { token, expires_at, permissions, repositories: list, ...change } }
  })
  return { ...server, alive }
}

function githubFrom(t: TestContext, server: Upstream, repositories?: readonly string[]) {
  const origins = [server.origin]
  const vault = vaultOf({ kind: 'github-app', material: { privateKey: APP_PEM }, origins })
  const { obtain, broker } = obtaining(t, vault)
  const spec = {
    minter: 'github-app',
    app: '12345',
    installation: '678',
    ...(repositories === undefined ? {} : { repositories }),
  } as const
  return {
    broker,
    mint: (...operations: MintScope['operations']) =>
      obtain({ spec, origin: server.origin, privateUpstream: true, operations }),
  }
}

const WEB = { owner: 'acme', repo: 'web' }
const READ_ISSUES = operation('GET /repos/{owner}/{repo}/issues', { scope: WEB })
const MERGE = operation('PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge', {
  scope: WEB,
  classes: ['update'],
})

test('github-app asks for the repositories and permissions of the request alone', async t => {
  const server = await github(t)
  const { mint } = githubFrom(t, server, ['acme/web', 'acme/docs'])
  const { headers, scope, expiresMs } = await mint(READ_ISSUES, MERGE)
  assert.deepEqual(headers, [['authorization', 'Bearer ghs_planted0']])
  assert.equal(expiresMs, NOW + 3_600_000)
  assert.equal(scope, 'metadata:read issues:read pull_requests:write on web')
  assert.deepEqual(JSON.parse(server.received[0]?.body ?? ''), {
    repositories: ['web'],
    permissions: { metadata: 'read', issues: 'read', pull_requests: 'write' },
  })
})

test('github-app shares a token between requests that need the same, and no others', async t => {
  const server = await github(t)
  const { mint } = githubFrom(t, server, ['acme/web'])
  const token = async (...operations: MintScope['operations']) => (await mint(...operations)).headers[0]?.[1]
  const reading = await token(READ_ISSUES)
  assert.equal(await token(operation('GET /repos/{owner}/{repo}/labels', { scope: WEB })), reading)
  assert.notEqual(await token(MERGE), reading)
  assert.equal(server.alive.size, 2)
})

test('a github token is deleted when it is revoked', async t => {
  const server = await github(t)
  const { mint, broker } = githubFrom(t, server, ['acme/web'])
  await mint(READ_ISSUES)
  await broker.revoke({ task: 't-17' })
  assert.equal(server.alive.size, 0)
})

test('attack: a repository beside those of the sealed policy, or none at all', async t => {
  const server = await github(t)
  const other = operation('GET /repos/{owner}/{repo}/issues', { scope: { ...WEB, repo: 'payroll' } })
  await rejectsWith(githubFrom(t, server, ['acme/web']).mint(READ_ISSUES, other), 'credential_insufficient')
  const nowhere = operation('GET /repos/{owner}/{repo}/issues')
  await rejectsWith(githubFrom(t, server).mint(nowhere), 'credential_unbounded')
  assert.deepEqual(server.received, [])
})

test('attack: an operation whose permission is not known', async t => {
  const server = await github(t)
  for (const name of ['DELETE /orgs/{org}', 'GET /repos/{owner}/{repo}/new-thing', 'Mutation.deleteRef'])
    await rejectsWith(
      githubFrom(t, server, ['acme/web']).mint(operation(name, { scope: WEB })),
      'credential_insufficient',
      name,
    )
  assert.deepEqual(server.received, [])
})

test('the permission is that of the longest known part of the path', async t => {
  const server = await github(t)
  const { mint } = githubFrom(t, server, ['acme/web'])
  const cases: readonly (readonly [string, string])[] = [
    ['PUT /repos/{owner}/{repo}/contents/{path+}', 'contents'],
    ['PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}', 'secrets'],
    ['POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches', 'actions'],
    ['DELETE /repos/{owner}/{repo}/branches/{branch}/protection', 'administration'],
    ['DELETE /repos/{owner}/{repo}', 'administration'],
  ]
  for (const [name, permission] of cases) {
    const { scope } = await mint(operation(name, { scope: WEB, classes: ['update'] }))
    assert.equal(scope, `metadata:read ${permission}:write on web`, name)
  }
})

test('attack: a token with permissions that were not asked for is deleted and not used', async t => {
  for (const permissions of [{ metadata: 'read', issues: 'write' }, { administration: 'read' }, undefined]) {
    const server = await github(t, { permissions })
    await rejectsWith(githubFrom(t, server, ['acme/web']).mint(READ_ISSUES), 'credential_unbounded')
    assert.equal(server.alive.size, 0)
  }
})

test('a private key that is none is said to be, without its text', async t => {
  const server = await github(t)
  const material = { privateKey: '-----BEGIN RSA PRIVATE KEY-----\nplanted\n-----END RSA PRIVATE KEY-----' }
  const vault = vaultOf({ kind: 'github-app', material, origins: [server.origin] })
  const spec = { minter: 'github-app', app: '1', installation: '2', repositories: ['web'] } as const
  const { obtain } = obtaining(t, vault)
  const scope = { spec, origin: server.origin, privateUpstream: true, operations: [READ_ISSUES] }
  await rejectsWith(obtain(scope), 'vault_entry_invalid')
})
