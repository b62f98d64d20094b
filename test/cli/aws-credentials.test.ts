import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import {
  type CredentialsEndpoint,
  processCredentials,
  serveAwsCredentials,
} from '../../src/cli/aws-credentials.js'
import type { IssuedGrant } from '../../src/cli/grant-session.js'

describe('the container credentials of a session', () => {
  let endpoint: CredentialsEndpoint
  const issued: IssuedGrant[] = []

  before(async () => {
    endpoint = await serveAwsCredentials({
      issue: async slot => {
        assert.equal(slot, 'aws-sigv4')
        const jti = randomUUID()
        const grant = {
          jti,
          token: `token-${jti}`,
          secret: `secret-${jti}`,
          expiresMs: Date.now() + 3_600_000,
        }
        issued.push(grant)
        return grant
      },
    })
  })
  after(() => endpoint.close())

  const ask = (headers: Record<string, string> = { authorization: endpoint.authorization }) =>
    fetch(endpoint.url, { headers })

  it('are the grant in the members that AWS clients read', async () => {
    const answer = await ask()
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const [grant] = issued
    assert.deepEqual(await answer.json(), {
      AccessKeyId: grant?.jti,
      SecretAccessKey: grant?.secret,
      Token: grant?.token,
      Expiration: new Date(grant?.expiresMs ?? 0).toISOString(),
    })
  })

  it('are the same until they are about to end, however many ask', async () => {
    const before = issued.length
    await Promise.all([ask(), ask(), ask()])
    assert.equal(issued.length, before)
  })

  it('are renewed before a client would find them too old', async () => {
    const ids = ['first', 'second']
    const short = await serveAwsCredentials({
      issue: async () => ({
        jti: ids.shift() ?? 'none',
        token: 't',
        secret: 's',
        expiresMs: Date.now() + 15 * 60_000,
      }),
    })
    const idNow = async () => {
      const answer = await fetch(short.url, { headers: { authorization: short.authorization } })
      return ((await answer.json()) as { AccessKeyId: string }).AccessKeyId
    }
    assert.equal(await idNow(), 'first')
    assert.equal(await idNow(), 'second')
    await short.close()
  })

  it('attack: another user of the machine, or a page in a browser, gets nothing', async () => {
    const count = issued.length
    assert.equal((await ask({})).status, 401)
    assert.equal((await ask({ authorization: `${endpoint.authorization}x` })).status, 401)
    assert.equal(
      (await fetch(`${endpoint.url}/x`, { headers: { authorization: endpoint.authorization } })).status,
      404,
    )
    const posted = await fetch(endpoint.url, {
      method: 'POST',
      headers: { authorization: endpoint.authorization },
    })
    assert.equal(posted.status, 405)
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      request(
        endpoint.url,
        { headers: { host: 'evil.test', authorization: endpoint.authorization } },
        answer => {
          answer.resume()
          resolve(answer.statusCode)
        },
      )
        .on('error', reject)
        .end()
    })
    assert.equal(rebound, 404)
    assert.equal(issued.length, count)
  })

  it('say why there are none any more', async () => {
    const late = await serveAwsCredentials({
      issue: () => Promise.reject(new Error('the grant was revoked')),
    })
    const answer = await fetch(late.url, { headers: { authorization: late.authorization } })
    assert.equal(answer.status, 403)
    assert.deepEqual(await answer.json(), { code: 'GrantRefused', message: 'the grant was revoked' })
    await late.close()
  })

  it('can also be printed for a credential_process', () => {
    const grant = { jti: 'j', token: 't', secret: 's', expiresMs: Date.parse('2026-04-22T10:15:00Z') }
    assert.deepEqual(JSON.parse(processCredentials(grant)), {
      Version: 1,
      AccessKeyId: 'j',
      SecretAccessKey: 's',
      SessionToken: 't',
      Expiration: '2026-04-22T10:15:00.000Z',
    })
  })
})
