import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import {
  credentialBroker,
  type MintScope,
  outbound,
  type Schedule,
  standardMinters,
} from '../../src/credential/index.js'
import { RAILWAY_IDS, startSandbox } from '../../src/sandbox/index.js'
import { mintScope, NOW, ORIGIN, vaultOf } from './scope.js'
import { type Answer, type Received, upstream } from './upstream.js'

const ACCOUNT = 'planted-secret-account-token'
const SPEC = {
  minter: 'railway-project-token',
  project: RAILWAY_IDS.project,
  environment: RAILWAY_IDS.staging,
  ttlSeconds: 900,
} as const

function brokerFor(t: TestContext, origin: string, token = ACCOUNT) {
  const network = outbound({ allowPlaintextLoopback: true })
  t.after(() => network.close())
  const timers: { delayMs: number; task: () => void }[] = []
  const schedule: Schedule = (delayMs, task) => {
    timers.push({ delayMs, task })
    return () => undefined
  }
  const time = { nowMs: NOW }
  const broker = credentialBroker({
    vault: vaultOf({
      kind: 'railway-project-token',
      material: { token, sentAs: 'bearer' },
      origins: [origin],
    }),
    minters: standardMinters(network, ORIGIN),
    clock: () => time.nowMs,
    onMint: async () => undefined,
    schedule,
  })
  const at = { credential: 'partner', spec: SPEC, origin, privateUpstream: true }
  const obtain = (scope: Partial<MintScope> = {}) => broker.obtain(mintScope({ ...at, ...scope }))
  return { broker, obtain, timers, time, reap: () => broker.reap([at]) }
}

async function railway(t: TestContext) {
  const sandbox = await startSandbox({
    listen: { railway: '127.0.0.1:0', stripe: '127.0.0.1:0', billing: '127.0.0.1:0' },
    railwayToken: ACCOUNT,
    stripeKeys: [],
    billing: { audience: 'x', jwks: { keys: [] } },
    aws: { listen: '127.0.0.1:0', accessKeyId: 'AKIAUNUSED', secretAccessKey: 'unused' },
    now: () => new Date(NOW),
  })
  t.after(() => sandbox.close())
  const { tokens } = sandbox.railway.world
  const projectTokens = () => [...tokens.values()].filter(token => token.kind === 'project')
  const query = async (token: string) => {
    const response = await fetch(`${sandbox.railway.url}/graphql/v2`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'project-access-token': token },
      body: JSON.stringify({ query: '{ projectToken { environmentId } }' }),
    })
    return (await response.json()) as { data: { projectToken: { environmentId: string } } | null }
  }
  return { url: sandbox.railway.url, tokens, projectTokens, query }
}

test('a project token is made for one environment, works, and is deleted when it is revoked', async t => {
  const { url, projectTokens, query } = await railway(t)
  const { obtain, broker } = brokerFor(t, url)
  const credential = await obtain()
  assert.equal(credential.expiresMs, NOW + 900_000)
  assert.equal(credential.scope, `environment ${SPEC.environment} of project ${SPEC.project}`)
  const [[header, token] = []] = credential.headers
  assert.equal(header, 'project-access-token')
  assert.equal((await query(token as string)).data?.projectToken.environmentId, SPEC.environment)
  assert.deepEqual(
    projectTokens().map(({ name }) => name),
    [`cs-${ORIGIN}-${NOW / 1_000 + 900}`],
  )
  await broker.revoke({ agent: 'coder' })
  assert.deepEqual(projectTokens(), [])
  assert.equal((await query(token as string)).data, null)
})

test('a project token is deleted when its time is over, and at a graceful stop', async t => {
  const { url, projectTokens } = await railway(t)
  const { obtain, broker, timers, time } = brokerFor(t, url)
  await obtain()
  assert.equal(timers[0]?.delayMs, 900_000)
  time.nowMs += 900_000
  await obtain({ nowMs: time.nowMs })
  assert.equal(projectTokens().length, 2)
  await broker.close()
  assert.deepEqual(projectTokens(), [])
})

test('only expired tokens of this very origin are reaped at start', async t => {
  const { url, tokens, projectTokens } = await railway(t)
  const { reap } = brokerFor(t, url)
  const seconds = NOW / 1_000
  const others = [
    `cs-${ORIGIN}-${seconds + 1}`,
    `cs-${ORIGIN}-2-${seconds - 60}`,
    `cs-acme.example/countersign/we-${seconds - 60}`,
    `xcs-${ORIGIN}-${seconds - 60}`,
    `cs-${ORIGIN}-${seconds - 60} `,
    `cs-${ORIGIN}-0${seconds - 60}`,
    `cs-${ORIGIN}-`,
    'deploy from CI',
  ]
  const ours = [`cs-${ORIGIN}-${seconds}`, `cs-${ORIGIN}-${seconds - 86_400}`]
  for (const [index, name] of [...others, ...ours].entries()) {
    tokens.set(`token-${index}`, {
      kind: 'project',
      id: `id-${index}`,
      name,
      projectId: SPEC.project,
      environmentId: SPEC.environment,
      createdAt: new Date(NOW).toISOString(),
    })
  }
  assert.equal(await reap(), 2)
  assert.deepEqual(
    projectTokens().map(({ name }) => name),
    others,
  )
  assert.equal(await reap(), 0)
})

test('strays are looked for on every page', async t => {
  const deleted: string[] = []
  const { origin } = await upstream(t, ({ body }) => {
    const { query, variables } = JSON.parse(body)
    if (query.includes('projectTokenDelete')) {
      deleted.push(variables.id)
      return { status: 200, body: { data: { projectTokenDelete: true } } }
    }
    const page = Number(variables.after ?? 0)
    const node = { id: `id-${page}`, name: `cs-${ORIGIN}-${NOW / 1_000 - page - 1}` }
    const pageInfo = { hasNextPage: page < 2, endCursor: String(page + 1) }
    return { status: 200, body: { data: { projectTokens: { edges: [{ node }], pageInfo } } } }
  })
  assert.equal(await brokerFor(t, origin).reap(), 3)
  assert.deepEqual(deleted, ['id-0', 'id-1', 'id-2'])
})

test('a wrong account token is a refusal that does not repeat it', async t => {
  const { url } = await railway(t)
  const { obtain } = brokerFor(t, url, 'planted-secret-of-somebody-else')
  await assert.rejects(obtain(), error => {
    assert.equal((error as { code: string }).code, 'mint_refused')
    assert.doesNotMatch(inspect(error, { depth: 9 }), /planted-secret/)
    return true
  })
})

/** A Railway that answers each of our queries as the test says. */
function scripted(answers: {
  create?: unknown
  token?: unknown
  status?: number
}): (request: Received) => Answer {
  return ({ body }) => {
    const { query } = JSON.parse(body)
    const status = answers.status ?? 200
    if (query.includes('projectTokenCreate'))
      return { status, body: answers.create ?? { data: { projectTokenCreate: 'planted-secret-minted' } } }
    if (query.includes('projectTokenDelete')) return { status, body: { data: { projectTokenDelete: true } } }
    return { status, body: { data: { projectToken: answers.token } } }
  }
}

test('attack: a token that turns out to be for another environment is deleted and not used', async t => {
  const token = { id: 'id-1', projectId: SPEC.project, environmentId: RAILWAY_IDS.production }
  const { origin, received } = await upstream(t, scripted({ token }))
  await assert.rejects(brokerFor(t, origin).obtain(), { code: 'credential_unbounded' })
  const last = received.at(-1)
  assert.match(last?.body ?? '', /projectTokenDelete.*"id":"id-1"/)
  assert.equal(last?.headers.authorization, `Bearer ${ACCOUNT}`)
})

test('attack: answers that are not what was asked for', async t => {
  const sound = { id: 'id-1', projectId: SPEC.project, environmentId: SPEC.environment }
  const cases: readonly (readonly [string, Parameters<typeof scripted>[0]])[] = [
    ['mint_refused', { create: { errors: [{ message: `no ${ACCOUNT}` }], data: null } }],
    ['mint_answer', { create: { data: null } }],
    ['mint_answer', { create: { data: { projectTokenCreate: null } } }],
    ['mint_answer', { create: { data: { projectTokenCreate: 'planted-secret\r\nx-admin: 1' } } }],
    ['mint_answer', { create: [] }],
    ['mint_answer', { create: 'planted-secret <html>' }],
    ['mint_answer', { token: null }],
    ['mint_answer', { token: { ...sound, id: 7 } }],
    ['mint_refused', { status: 401 }],
    ['mint_answer', { status: 503 }],
    ['mint_answer', { status: 302 }],
  ]
  for (const [code, answers] of cases) {
    const { origin } = await upstream(t, scripted({ token: sound, ...answers }))
    await assert.rejects(brokerFor(t, origin).obtain(), error => {
      assert.equal((error as { code: string }).code, code, JSON.stringify(answers))
      assert.doesNotMatch(inspect(error, { depth: 9 }), /planted-secret/)
      return true
    })
  }
})
