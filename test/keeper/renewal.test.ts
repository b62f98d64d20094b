import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { awsGrantKeys } from '../../src/credential/index.js'
import {
  entriesOf,
  House,
  ofType,
  onTheWire,
  openedPolicy,
  type Running,
  slowIssuer,
} from './keeper-fixture.js'

const HOUR_MS = 3_600_000

interface Grant {
  readonly jti: string
  readonly token: string
}

interface Setting {
  readonly house: House
  readonly running: Running
  order(changes?: Record<string, unknown>): Promise<{ status: number; body: JsonObject }>
  grant(changes?: Record<string, unknown>): Promise<Grant>
  works(grant: Grant): Promise<boolean>
}

async function setting(t: TestContext): Promise<Setting> {
  const house = await House.build(t)
  const running = await house.start()
  const order: Setting['order'] = changes =>
    house.admin('POST', '/v1/grants', { order: onTheWire(house.order(changes)) })
  return {
    house,
    running,
    order,
    grant: async changes => {
      const { status, body } = await order(changes)
      assert.equal(status, 200, JSON.stringify(body))
      return body as unknown as Grant
    },
    works: async ({ token }) => {
      const { verdict } = await house.ask(await house.connect(), { presented: { slot: 'bearer', token } })
      return verdict.kind === 'forward'
    },
  }
}

describe('the secret of a grant', () => {
  it('comes with the token of a grant for AWS, and with no other', async t => {
    const { house, order } = await setting(t)
    const { body } = await order({ slot: 'aws-sigv4' })
    assert.deepEqual(Object.keys(body).sort(), ['expiresMs', 'jti', 'secret', 'token'])
    assert.equal(body.secret, awsGrantKeys(house.grantKey).secretOf(body.jti as string))
    assert.match(body.secret as string, /^[A-Za-z0-9_-]{43}$/)
    for (const slot of ['bearer', 'project-access-token'])
      assert.deepEqual(Object.keys((await order({ slot })).body).sort(), ['expiresMs', 'jti', 'token'])
  })

  it('is in no entry, no list and no log', async t => {
    const { house, running, order } = await setting(t)
    const { body } = await order({ slot: 'aws-sigv4' })
    await house.admin('POST', `/v1/grants/${body.jti}/revoke`)
    const list = JSON.stringify((await house.admin('GET', '/v1/grants')).body)
    const entries = JSON.stringify(await entriesOf(running.ledger))
    const state = JSON.stringify(await running.ledger.state.list(''))
    for (const text of [list, entries, state, JSON.stringify(house.logged)])
      assert.equal(text.includes(body.secret as string), false)
  })

  it('is another for every grant and every sidecar, and the same after a restart', async t => {
    const { house } = await setting(t)
    const other = await House.build(t)
    const keys = awsGrantKeys(house.grantKey)
    assert.equal(keys.secretOf('a'), awsGrantKeys(house.grantKey).secretOf('a'))
    assert.notEqual(keys.secretOf('a'), keys.secretOf('b'))
    assert.notEqual(keys.secretOf('a'), awsGrantKeys(other.grantKey).secretOf('a'))
  })
})

describe('renewing a grant', () => {
  it('attack: gives nothing where the session is revoked while the new grant is signed', async t => {
    const house = await House.build(t)
    const first = await house.start()
    const issued = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    await first.keeper.stop()
    const { issuer, asked, goOn } = slowIssuer(house)
    const { ledger } = await house.start({ issuer })
    const { jti } = issued.body as { readonly jti: string }
    const renewed = house.admin('POST', '/v1/grants', { order: onTheWire(house.order({ renews: jti })) })
    await asked
    await house.admin('POST', `/v1/grants/${jti}/revoke`)
    goOn()
    assert.equal((await renewed).body.code, 'renewal_revoked')
    const actions = (await ofType(ledger, 'grant')).map(({ data }) => data.action)
    assert.deepEqual(actions, ['issued', 'revoked'])
  })

  it('goes on with its session, over as many grants as it takes', async t => {
    const { running, grant, works } = await setting(t)
    const first = await grant()
    const second = await grant({ renews: first.jti })
    const third = await grant({ renews: second.jti, slot: 'aws-sigv4' })
    assert.equal(await works(second), true)
    const issued = await ofType(running.ledger, 'grant')
    assert.deepEqual(
      issued.map(({ data }) => [data.jti, data.session]),
      [
        [first.jti, first.jti],
        [second.jti, first.jti],
        [third.jti, first.jti],
      ],
    )
  })

  const refused: Readonly<Record<string, readonly [string, Record<string, unknown>]>> = {
    'for another agent': ['renewal_mismatch', { agent: 'reviewer' }],
    'for another task': ['renewal_mismatch', { task: 't-10' }],
    'for another owner': ['renewal_mismatch', { owner: 'jo' }],
    'of a grant that nobody has': ['renewal_unknown', { renews: 'none' }],
  }
  for (const [what, [code, changes]] of Object.entries(refused))
    it(`attack: a renewal ${what} → ${code}`, async t => {
      const { house, order, grant } = await setting(t)
      house.shelf.next = twoAgents()
      await house.admin('POST', '/v1/policy/reload')
      const { jti } = await grant()
      const { status, body } = await order({ renews: jti, ...changes })
      assert.ok(status === 403 || status === 404)
      assert.equal(body.code, code)
      assert.equal('token' in body, false)
    })

  it('attack: of a session that was revoked, from whichever of its grants, also after a restart', async t => {
    const { house, running, order, grant } = await setting(t)
    const first = await grant()
    const second = await grant({ renews: first.jti })
    const apart = await grant()
    await house.admin('POST', `/v1/grants/${second.jti}/revoke`)
    const codes = async () => {
      const answers = await Promise.all([first, second].map(({ jti }) => order({ renews: jti })))
      return answers.map(({ body }) => body.code)
    }
    assert.deepEqual(await codes(), ['renewal_revoked', 'renewal_revoked'])
    await running.keeper.stop()
    await house.start()
    assert.deepEqual(await codes(), ['renewal_revoked', 'renewal_revoked'])
    assert.equal((await order({ renews: apart.jti })).status, 200)
  })

  it('attack: revoking a grant leaves none that was renewed from it, nor the one it renews', async t => {
    const { house, running, grant, works } = await setting(t)
    const first = await grant()
    const second = await grant({ renews: first.jti })
    const third = await grant({ renews: second.jti })
    const apart = await grant()
    await house.admin('POST', `/v1/grants/${second.jti}/revoke`)
    assert.deepEqual(await Promise.all([first, second, third, apart].map(works)), [false, false, false, true])
    const revoked = (await ofType(running.ledger, 'grant')).filter(({ data }) => data.action === 'revoked')
    assert.deepEqual(
      revoked.map(({ data }) => data.jti),
      [first.jti, second.jti, third.jti],
    )
    const again = await house.admin('POST', `/v1/grants/${first.jti}/revoke`)
    assert.equal((again.body.grant as JsonObject).revoked, true)
    assert.equal((await ofType(running.ledger, 'grant')).length, 7)
  })

  it('attack: a session that is revoked while its renewal is being issued', async t => {
    const { house, order, grant, works } = await setting(t)
    const first = await grant()
    const [renewal] = await Promise.all([
      order({ renews: first.jti }),
      house.admin('POST', `/v1/grants/${first.jti}/revoke`),
    ])
    if (renewal.status === 200) assert.equal(await works(renewal.body as unknown as Grant), false)
    else assert.equal(renewal.body.code, 'renewal_revoked')
    assert.equal((await order({ renews: first.jti })).body.code, 'renewal_revoked')
  })

  it('takes a grant that has expired, for a day and while the session lasts', async t => {
    const { house, order, grant } = await setting(t)
    const { jti } = await grant()
    house.aheadMs = 2 * HOUR_MS
    const second = await grant({ renews: jti })
    house.aheadMs = 8 * HOUR_MS + 1_000
    assert.equal((await order({ renews: second.jti })).body.code, 'renewal_over')
    house.aheadMs = 26 * HOUR_MS
    assert.equal((await order({ renews: jti })).body.code, 'renewal_unknown')
  })

  it('forgets what can’t be renewed any more, and ends a session by any name of it that is left', async t => {
    const { house, running, grant } = await setting(t)
    const first = await grant({ ttlSeconds: 60 })
    house.aheadMs = 7 * HOUR_MS
    const second = await grant({ renews: first.jti })
    house.aheadMs = 24 * HOUR_MS + 120_000
    await grant()
    const kept = async () => (await running.ledger.state.list('grant/')).map(([key]) => key)
    assert.equal((await kept()).includes(`grant/${first.jti}`), false)
    assert.equal((await kept()).includes(`grant/${second.jti}`), true)
    const { status, body } = await house.admin('POST', `/v1/grants/${first.jti}/revoke`)
    assert.deepEqual([status, (body.grant as JsonObject).jti], [200, second.jti])
  })
})

function twoAgents() {
  return openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 2, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing: { upstream: https://billing.acme.test, routes: [{ route: "GET /invoices/{id}", class: read }] }
agents:
  coder: { environment: staging }
  reviewer: { environment: staging }
rules:
  - { id: read, allow: { api: billing, class: read }, to: [coder, reviewer] }
`)
}
