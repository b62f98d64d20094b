import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { RailwayError, Sandbox } from 'railway'
import { RAILWAY_IDS } from '../../../src/sandbox/index.js'
import { outcomeOf, single } from '../sidecar.js'
import { rejection, type Where } from '../surroundings.js'

export function railwaySuite(where: Where): void {
  beforeEach(() => {
    process.env.RAILWAY_GRAPHQL_ENDPOINT = `${where().sidecar.gate}/railway/graphql/v2`
  })
  afterEach(() => {
    delete process.env.RAILWAY_GRAPHQL_ENDPOINT
  })
  const options = (token: string) => ({ token, environmentId: RAILWAY_IDS.staging })

  test('Sandbox.list is admitted', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const { value, attempts } = await sidecar.during(() => Sandbox.list(options(token)))
    assert.ok(Array.isArray(value))
    const attempt = single(attempts)
    assert.deepEqual(
      attempt.ops.map(({ name, scope }) => [name, scope.environment]),
      [['sandboxes', RAILWAY_IDS.staging]],
    )
    assert.equal(attempt.credential?.minter, 'railway-project-token')
    assert.equal((await outcomeOf(sidecar, attempt)).status, 'completed')
  })

  test('Sandbox.create is denied for an agent without a rule, and the SDK’s error says why', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const { value: error, attempts } = await sidecar.during(() => rejection(Sandbox.create(options(token))))
    const attempt = single(attempts)
    assert.ok(error instanceof RailwayError)
    assert.match(error.message, /^DENIED by policy, nothing was executed\. sandboxCreate/)
    assert.match(error.message, new RegExp(`Receipt ${attempt.seq}\\.$`))
  })

  test('an agent that the policy lets build makes a sandbox, finds it again and destroys it', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant({ agent: 'builder' })
    const made = await Sandbox.create(options(token))
    const found = await Sandbox.connect(made.id, options(token))
    assert.equal(found.id, made.id)
    const listed = `{ sandboxes(environmentId: "${RAILWAY_IDS.staging}") { edges { node { id status } } } }`
    type Listed = { sandboxes: { edges: { node: { id: string; status: string } }[] } }
    const status = async () =>
      (await sidecar.askRailway<Listed>(listed)).sandboxes.edges.find(({ node }) => node.id === made.id)?.node
        .status
    assert.equal(await status(), 'RUNNING')
    await found.destroy()
    assert.equal(await status(), 'DESTROYED')
  })

  test('an admitted agent is denied in another environment', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant({ agent: 'builder' })
    const error = await rejection(Sandbox.create({ token, environmentId: RAILWAY_IDS.production }))
    assert.match(error.message, /^DENIED by policy/)
  })

  test('a project access token grant is good in its own header', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant({ slot: 'project-access-token' })
    const { attempts } = await sidecar.during(() =>
      Sandbox.list({ ...options(token), authType: 'project-token' }),
    )
    assert.equal(single(attempts).decision.effect, 'allow')
  })

  test('a project access token grant is no bearer token', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant({ slot: 'project-access-token' })
    const { value: error, attempts } = await sidecar.during(() => rejection(Sandbox.list(options(token))))
    assert.equal(single(attempts).decision.code, 'grant_slot')
    assert.match(error.message, /^REFUSED, nothing was executed\./)
  })
}
