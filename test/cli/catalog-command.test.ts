import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { OperationCard } from '../../src/cli/operation-card.js'
import { countersign, scratch } from './command-line.js'

const POLICY = `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: billing, version: 3, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.internal
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices/{id}/refund", class: [billing, irreversible], effect: refund, args: { amount: int } }
credentials:
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
rules:
  - { id: read, allow: { api: billing, class: [read] }, to: [coder] }
`

interface Found {
  readonly found: number
  readonly operations: readonly {
    readonly catalog: string
    readonly name: string
    readonly classes: string[]
  }[]
}

const search = async (...argv: readonly string[]) => {
  const { out, code } = await countersign('catalog', 'search', ...argv, '--json')
  return { code, ...(JSON.parse(out) as Found) }
}

test('operations are found by words of their name, class and effect, in every catalog', async () => {
  const volumes = await search('volume', 'delete')
  assert.ok(volumes.operations.some(({ catalog, name }) => catalog === 'railway' && name === 'volumeDelete'))
  const refunds = await search('refund', '--catalog', 'stripe', '--limit', '1000')
  assert.ok(
    refunds.operations.some(({ name }) => name === 'POST /v1/credit_notes'),
    'by its effect',
  )
  const hooks = await search('hooks', '--catalog', 'github', '--class', 'privilege', '--limit', '100')
  assert.ok(hooks.operations.every(({ catalog }) => catalog === 'github'))
  assert.ok(hooks.operations.some(({ name }) => name === 'POST /repos/{owner}/{repo}/hooks'))
  const few = await search('--catalog', 'stripe', '--limit', '2')
  assert.deepEqual([few.operations.length, few.found > 500], [2, true])
})

test('what only arguments make dangerous is found by that class too', async () => {
  const found = await search('PATCH', 'git/refs', '--class', 'irreversible')
  assert.deepEqual(
    found.operations.map(({ name }) => name),
    ['PATCH /repos/{owner}/{repo}/git/refs/{ref+}'],
  )
  const text = await countersign('catalog', 'search', 'PATCH', 'git/refs')
  assert.match(text.out, /update \(irreversible, opaque\) {2}effect content-write/)
})

test('nothing found is a no; an unknown class or catalog is a mistake', async () => {
  assert.equal((await search('nothing-is-called-this')).code, 1)
  const unknown = await countersign('catalog', 'search', 'x', '--class', 'evil')
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /read, sensitive_read/)
  assert.equal((await countersign('catalog', 'search', 'x', '--catalog', 'evil')).code, 2)
})

test('an operation is shown with all that a rule can ask of it', async () => {
  const { out, code } = await countersign('catalog', 'show', 'PATCH /repos/{owner}/{repo}', '--json')
  assert.equal(code, 0)
  const [card] = (JSON.parse(out) as { operations: OperationCard[] }).operations
  assert.deepEqual(card?.classes, ['update'])
  assert.ok(
    card?.raises.some(({ when, adds }) => when === 'args.private is given' && adds.includes('irreversible')),
  )
  assert.ok(card?.args.some(({ path, type }) => path === 'args.private' && type === 'bool'))
  assert.ok(
    card?.args.some(({ path }) => path === 'args.security_and_analysis.secret_scanning.status'),
    JSON.stringify(card?.args),
  )
  assert.deepEqual(card?.scope, ['owner', 'repo'])
  assert.deepEqual(card?.caseless, ['owner', 'repo', 'repository'])
  const refund = await countersign('catalog', 'show', 'POST /v1/refunds')
  assert.match(refund.out, /effects +refund/)
  assert.match(refund.out, /args\.amount: int\n/)
  assert.match(refund.out, /args\.metadata: map<string, string>\n/)
})

test('a GraphQL operation is shown with its input’s members', async () => {
  const { out } = await countersign('catalog', 'show', 'volumeInstanceUpdate')
  assert.match(out, /volumeInstanceUpdate {2}\(railway\)/)
  assert.match(out, /where args\.input\.state is "DELETED"/)
  assert.match(out, /args\.input\.mountPath: string/)
})

test('a catalog is shown with where it comes from and what it knows', async () => {
  const { out } = await countersign('catalog', 'show', 'github')
  assert.match(out, /^github: 1218 operations, from @octokit\/openapi /)
  assert.match(out, /origin +uploads https:\/\/uploads\.github\.com/)
  assert.match(out, /effects +.*merge/)
  const missing = await countersign('catalog', 'show', 'volumeDestroy')
  assert.equal(missing.code, 2)
  assert.match(missing.err, /catalog search/)
})

test('a policy’s own routes are looked up in its source and in its sealed form', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  await countersign('trust', 'key', path('maria.jwk'))
  await countersign('policy', 'seal', path('policy.yaml'), '--key', path('maria.jwk'))
  for (const file of [path('policy.yaml'), path('policy.sealed.json')]) {
    const found = await search('refund', '--policy', file)
    assert.deepEqual(
      found.operations.map(({ catalog, name }) => [catalog, name]),
      [['billing', 'POST /invoices/{id}/refund']],
    )
    const shown = await countersign('catalog', 'show', 'POST /invoices/{id}/refund', '--policy', file)
    assert.match(shown.out, /args\.amount: int/)
  }
})

test('what a rule can have the API asked first is shown with its facts', async () => {
  const { out } = await countersign('catalog', 'show', 'volumeDelete', '--catalog', 'railway')
  assert.match(out, /^ {2}probe {7}volume, about volume, given project$/m)
  assert.match(out, /^ {4}probe\.environments: list<string>$/m)
  const whole = await countersign('catalog', 'show', 'railway')
  assert.match(whole.out, /^ {2}probe {7}volume, about /m)
  const asked = JSON.parse((await countersign('catalog', 'show', 'rds:DeleteDBInstance', '--json')).out)
  assert.ok(asked.operations[0].probes.length > 0, 'AWS has them service by service')
  const none = JSON.parse((await countersign('catalog', 'show', 'projectCreate', '--json')).out)
  assert.deepEqual(none.operations[0].probes, [])
})
