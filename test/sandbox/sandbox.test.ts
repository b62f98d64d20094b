import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose'
import Stripe from 'stripe'
import {
  AWS_IDS,
  RAILWAY_IDS,
  type Sandbox,
  STRIPE_IDS,
  startAwsSandbox,
  startSandbox,
} from '../../src/sandbox/index.js'
import { LONG_TERM } from './aws-account.js'

const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwks: JSONWebKeySet = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }
let sandbox: Sandbox

before(async () => {
  sandbox = await startSandbox({
    listen: { railway: '127.0.0.1:0', stripe: '127.0.0.1:0', billing: '127.0.0.1:0' },
    railwayToken: 'account-token',
    stripeKeys: [
      { secret: 'rk_test_read', permissions: { customers: 'read' } },
      {
        secret: 'rk_test_all',
        permissions: { customers: 'write', subscriptions: 'write', charges: 'write' },
      },
    ],
    billing: { audience: 'https://billing.example', jwks },
    aws: { ...LONG_TERM, listen: '127.0.0.1:0' },
  })
})
after(() => sandbox.close())

interface Answer {
  readonly data: Record<string, never> | null
  readonly errors?: readonly { readonly message: string }[]
}

async function railway(query: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${sandbox.railway.url}/graphql/v2`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
  return (await response.json()) as Answer
}

function stripe(key: string): Stripe {
  const { hostname, port } = new URL(sandbox.stripe.url)
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 })
}

test('goes on where a connection can’t be taken', async () => {
  const untaken = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' })
  const { railway, stripe, billing, aws } = sandbox
  // Twice: a listener for the first alone would not do.
  for (const server of [railway.server.server, stripe.server.server, billing.server.server, aws.server])
    for (let i = 0; i < 2; i++) server.emit('error', untaken)
  assert.equal((await fetch(`${aws.url}/`)).status, 403)
})

describe('the Railway stand-in', () => {
  const account = { authorization: 'Bearer account-token' }

  test('refuses a token that it did not issue', async () => {
    const answer = await railway('{ projects { edges { node { id } } } }', {
      authorization: 'Bearer found-in-a-file',
    })
    assert.equal(answer.errors?.[0]?.message, 'Not Authorized')
  })

  test('mints a project token for one environment, which is refused in another and after its deletion', async () => {
    const input = `{projectId: "${RAILWAY_IDS.project}", environmentId: "${RAILWAY_IDS.staging}", name: "t"}`
    const made = await railway(`mutation { projectTokenCreate(input: ${input}) }`, account)
    const token = { 'project-access-token': String(made.data?.projectTokenCreate) }
    const self = (await railway('{ projectToken { id environmentId } }', token)).data
      ?.projectToken as unknown as {
      id: string
      environmentId: string
    }
    assert.equal(self.environmentId, RAILWAY_IDS.staging)
    const upsert = (environmentId: string) =>
      `mutation { variableUpsert(input: {projectId: "${RAILWAY_IDS.project}", environmentId: "${environmentId}", name: "A", value: "b"}) }`
    assert.equal((await railway(upsert(RAILWAY_IDS.staging), token)).errors, undefined)
    assert.match(
      (await railway(upsert(RAILWAY_IDS.production), token)).errors?.[0]?.message ?? '',
      /another environment/,
    )
    await railway(`mutation { projectTokenDelete(id: "${self.id}") }`, account)
    assert.equal((await railway(upsert(RAILWAY_IDS.staging), token)).errors?.[0]?.message, 'Not Authorized')
  })

  test('loses the backups of every environment with the volume', async () => {
    assert.equal(
      sandbox.railway.world.volumes.get(RAILWAY_IDS.volume)?.instances.flatMap(each => each.backups).length,
      3,
    )
    await railway(`mutation { volumeDelete(volumeId: "${RAILWAY_IDS.volume}") }`, account)
    assert.equal(sandbox.railway.world.volumes.size, 0)
  })
})

describe('the Stripe stand-in', () => {
  test('holds each restricted key to its permissions', async () => {
    assert.equal(
      (await stripe('rk_test_read').customers.retrieve(STRIPE_IDS.customer)).id,
      STRIPE_IDS.customer,
    )
    await assert.rejects(
      stripe('rk_test_read').customers.update(STRIPE_IDS.customer, { name: 'x' }),
      /required permissions/,
    )
    await assert.rejects(stripe('rk_test_unknown').customers.retrieve(STRIPE_IDS.customer), /Invalid API Key/)
  })

  test('keeps a running total of refunds and refuses more than was charged', async () => {
    const client = stripe('rk_test_all')
    await client.refunds.create({ charge: STRIPE_IDS.charge, amount: 20_000 })
    await assert.rejects(client.refunds.create({ charge: STRIPE_IDS.charge, amount: 6_000 }), /5000 left/)
    assert.equal(sandbox.stripe.world.charges.get(STRIPE_IDS.charge)?.amount_refunded, 20_000)
  })

  test('replays the answer to a repeated idempotency key', async () => {
    const client = stripe('rk_test_all')
    const options = { idempotencyKey: 'same-key' }
    const first = await client.customers.create({ name: 'Twice' }, options)
    const second = await client.customers.create({ name: 'Twice' }, options)
    assert.equal(second.id, first.id)
  })
})

describe('the billing stand-in', () => {
  test('accepts only an access token for its own audience', async () => {
    const token = (audience: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
        .setAudience(audience)
        .setExpirationTime('1m')
        .sign(privateKey)
    const get = async (audience: string) =>
      (
        await fetch(`${sandbox.billing.url}/invoices/in_1001`, {
          headers: { authorization: `Bearer ${await token(audience)}` },
        })
      ).status
    assert.equal(await get('https://billing.example'), 200)
    assert.equal(await get('https://elsewhere.example'), 401)
  })
})

describe('the AWS stand-in', () => {
  test('runs beside the others, on loopback alone', async () => {
    const response = await fetch(`${sandbox.aws.url}/`, { method: 'POST', body: 'Action=ListUsers' })
    assert.equal(response.status, 403)
    assert.match(await response.text(), /<Code>MissingAuthenticationToken<\/Code>/)
    assert.ok(sandbox.aws.world.databases.has(AWS_IDS.productionDatabase))
    await assert.rejects(startAwsSandbox({ ...LONG_TERM, listen: '0.0.0.0:0' }), /loopback only/)
    const taken = { ...LONG_TERM, listen: new URL(sandbox.aws.url ?? '').host }
    await assert.rejects(startAwsSandbox(taken), { code: 'EADDRINUSE' })
  })
})
