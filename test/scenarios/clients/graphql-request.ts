import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientError, GraphQLClient, gql } from 'graphql-request'
import { RAILWAY_IDS } from '../../../src/sandbox/index.js'
import { type Sidecar, single } from '../sidecar.js'
import { rejection, type Where } from '../surroundings.js'

function client(sidecar: Sidecar, token: string): GraphQLClient {
  return new GraphQLClient(`${sidecar.gate}/railway/graphql/v2`, {
    headers: { authorization: `Bearer ${token}` },
  })
}

const UPSERT = gql`mutation Set($input: VariableUpsertInput!) { variableUpsert(input: $input) }`
const VARIABLES = (environment: string) =>
  `{ variables(projectId: "${RAILWAY_IDS.project}", environmentId: "${environment}") }`

function input(environmentId: string, name: string) {
  return { input: { projectId: RAILWAY_IDS.project, environmentId, name, value: 'on' } }
}

export function graphqlRequestSuite(where: Where): void {
  test('a mutation in the admitted environment changes the cloud', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const { value, attempts } = await sidecar.during(() =>
      client(sidecar, token).request(UPSERT, input(RAILWAY_IDS.staging, 'FLAG_A')),
    )
    assert.deepEqual(value, { variableUpsert: true })
    assert.equal(single(attempts).decision.rule, 'work-in-staging')
    const seen = await sidecar.askRailway<{ variables: Record<string, string> }>(
      VARIABLES(RAILWAY_IDS.staging),
    )
    assert.equal(seen.variables.FLAG_A, 'on')
  })

  test('the same mutation in production is denied, and the client shows why', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(client(sidecar, token).request(UPSERT, input(RAILWAY_IDS.production, 'FLAG_B'))),
    )
    const attempt = single(attempts)
    assert.ok(error instanceof ClientError)
    assert.match(error.message, /^DENIED by policy, nothing was executed\. variableUpsert/)
    assert.ok(error.message.includes(`Receipt ${attempt.seq}.`))
    assert.equal(error.response.errors?.[0]?.extensions?.receipt, attempt.seq)
    const seen = await sidecar.askRailway<{ variables: Record<string, string> }>(
      VARIABLES(RAILWAY_IDS.production),
    )
    assert.equal(seen.variables.FLAG_B, undefined)
  })

  test('an alias, a fragment and a second operation don’t hide a deletion', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const hidden = gql`
      mutation Tidy($v: String!) { projects: __typename ...clean }
      fragment clean on Mutation { tidied: volumeDelete(volumeId: $v) }
    `
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(client(sidecar, token).request(hidden, { v: RAILWAY_IDS.volume })),
    )
    assert.equal(single(attempts).decision.rule, 'never-volumes')
    assert.match(error.message, /^DENIED by policy, nothing was executed\. volumeDelete/)
  })

  test('a batch is refused whole', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(
        client(sidecar, token).batchRequests([{ document: '{ projects { edges { node { id } } } }' }]),
      ),
    )
    assert.equal(single(attempts).decision.code, 'graphql_batch')
    assert.match(error.message, /batch/)
  })
}
