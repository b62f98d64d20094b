import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { type Sidecar, startSidecar } from './sidecar.js'

interface Answer {
  readonly data: { readonly volumeDelete?: boolean } | null
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[]
}

async function staged(t: TestContext): Promise<Sidecar> {
  const sidecar = await startSidecar()
  t.after(() => sidecar.strike())
  return sidecar
}

/** Deletes a volume as an agent does, through the gate. */
async function deleteVolume({ gate }: Sidecar, token: string, volumeId: string): Promise<Answer> {
  const answer = await fetch(`${gate}/railway/graphql/v2`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      query: 'mutation($id: String!) { volumeDelete(volumeId: $id) }',
      variables: { id: volumeId },
    }),
  })
  return (await answer.json()) as Answer
}

async function volumes(sidecar: Sidecar): Promise<readonly string[]> {
  const query = `{ project(id: "${RAILWAY_IDS.project}") { volumes { edges { node { id } } } } }`
  const { project } = await sidecar.askRailway<{
    readonly project: {
      readonly volumes: { readonly edges: readonly { readonly node: { readonly id: string } }[] }
    }
  }>(query)
  return project.volumes.edges.map(({ node }) => node.id)
}

test('a volume of staging alone is deleted, one that production has mounted too is not, and the evidence says why', async t => {
  const sidecar = await staged(t)
  const { token } = await sidecar.grant()
  const input = `{ projectId: "${RAILWAY_IDS.project}", environmentId: "${RAILWAY_IDS.staging}", mountPath: "/scratch" }`
  const { volumeCreate: own } = await sidecar.askRailway<{ readonly volumeCreate: { readonly id: string } }>(
    `mutation { volumeCreate(input: ${input}) { id } }`,
  )
  const { value: refused, attempts } = await sidecar.during(() =>
    deleteVolume(sidecar, token, RAILWAY_IDS.volume),
  )
  assert.equal(refused.errors?.[0]?.extensions.code, 'denied_by_rule')
  assert.deepEqual(
    attempts.map(({ decision, probes }) => [decision.rule, probes?.map(({ status }) => status)]),
    [['never-volumes', ['answered']]],
  )
  assert.deepEqual(await deleteVolume(sidecar, token, own.id), { data: { volumeDelete: true } })
  assert.deepEqual(await volumes(sidecar), [RAILWAY_IDS.volume])
  const unknown = await deleteVolume(sidecar, token, own.id)
  assert.equal(
    unknown.errors?.[0]?.extensions.code,
    'denied_by_rule',
    'what the answer doesn’t hold is denied',
  )
  const entries = (await sidecar.ledger()).map(({ entry }) => entry)
  assert.equal(entries.filter(({ type }) => type === 'probe').length, 3)
  assert.doesNotMatch(JSON.stringify(entries), new RegExp(sidecar.secrets.railwayViewer ?? '-'))
  const { trust } = sidecar.loaded.config
  const verified = await sidecar.command([
    ...['receipts', 'verify', '--trust', sidecar.loaded.path(trust.root), '--pin', trust.pin],
    ...[
      '--policies',
      sidecar.loaded.path('policy'),
      '--auditor-key',
      sidecar.loaded.path('auditor/private.jwk'),
    ],
  ])
  assert.equal(verified.code, 0, verified.out + verified.err)
  assert.match(verified.out, /3 from their inputs/)
})
